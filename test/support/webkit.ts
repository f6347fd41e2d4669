import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine, EnginePage } from './engines.ts'
import { freePort } from './loopback.ts'

const patienceMs = 20_000
/** Software rendering, and no accessibility bus. */
const drawing = { GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1', WEBKIT_DISABLE_DMABUF_RENDERER: '1', LIBGL_ALWAYS_SOFTWARE: '1' }
const miniBrowser = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'

export interface WebKitOptions {
  /** Whether invalid certificates are accepted. */
  readonly acceptInsecureCerts?: boolean
}

/**
 * WebKitGTK's MiniBrowser, driven by WebDriver (W3C) on a display of its own. Its engine is Safari's, but its network stack is
 * another one.
 */
export async function launchWebKit(options: WebKitOptions = {}): Promise<Engine> {
  const { display, server } = await startDisplay()
  return {
    open: (url) => openPage(display, url, options),
    [Symbol.asyncDispose]: () => ended(server),
  }
}

/** Starts a driver with one browser and one page. */
async function openPage(display: string, url: string, { acceptInsecureCerts = false }: WebKitOptions): Promise<EnginePage> {
  const port = await freePort()
  const env = { ...process.env, ...drawing, DISPLAY: display }
  const driver = spawn('WebKitWebDriver', ['-p', String(port)], { env, stdio: 'ignore' })
  const root = `http://127.0.0.1:${port}`
  await answering(`${root}/status`)
  const browserOptions = { binary: miniBrowser, args: ['--automation'] }
  const alwaysMatch = {
    browserName: 'MiniBrowser',
    acceptInsecureCerts,
    'webkitgtk:browserOptions': browserOptions,
  }
  const { sessionId } = await command<{ sessionId: string }>(`${root}/session`, { capabilities: { alwaysMatch } })
  const session = `${root}/session/${sessionId}`
  await command(`${session}/timeouts`, { script: 600_000 })
  await command(`${session}/url`, { url })
  return {
    async evaluate<Result>(run: unknown, argument?: unknown): Promise<Result> {
      const said = typeof run === 'string' ? `(async () => { await (${run}) })()` : `(${run})(argument)`
      const script = `const [argument, done] = arguments
        Promise.resolve().then(() => ${said}).then((value) => done({ value }), (error) => done({ error: String(error) }))`
      // Always pass an argument, since `done` is expected as the second one.
      const { value, error } = await command<{ value: Result; error?: string }>(`${session}/execute/async`, {
        script,
        args: [argument ?? null],
      })
      if (error !== undefined) throw new Error(error)
      return value
    },
    async [Symbol.asyncDispose]() {
      await fetch(session, { method: 'DELETE' })
      await ended(driver)
    },
  }
}

async function command<Value>(url: string, body: object): Promise<Value> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  const { value } = (await response.json()) as { value: Value & { message?: string } }
  if (!response.ok) throw new Error(`${url}: ${response.status} ${value.message}`)
  return value
}

/** Starts a virtual display; the X server chooses its number. */
async function startDisplay(): Promise<{ readonly display: string; readonly server: ChildProcess }> {
  const args = ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp']
  const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const [chunk] = (await once(server.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer]
  return { display: `:${chunk.toString().trim()}`, server }
}

async function answering(url: string): Promise<void> {
  const until = performance.now() + patienceMs
  for (;;) {
    const response = await fetch(url).catch(() => null)
    if (response?.ok) return
    if (performance.now() > until) throw new Error(`nothing answers at ${url}`)
    await sleep(50)
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill()
  await once(child, 'exit')
}
