import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { onMachine } from './installed.ts'
import { freePort } from './loopback.ts'
import { type NchanOptions, nchanConfig } from './nchan-config.ts'
import { blankPage } from './page-host.ts'
import { until } from './until.ts'

export type { NchanOptions } from './nchan-config.ts'

export interface Nchan extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port`; a page that loads the script, if one was given, is at `/`. */
  readonly origin: string
  /** The one URL of WebSocket, SSE and long-poll, and with `?mode=poll` of poll. */
  subUrl(channel: string): string
  pubUrl(channel: string): string
  /**
   * Publishes; returns the message's id, which is the cursor after it. Prime a channel with one message before anybody
   * subscribes: subscribers at two different positions of an empty channel abort nchan's worker.
   */
  publish(channel: string, body: string, options?: { readonly name?: string }): Promise<string>
  /** As `nginx -s reload`: subscribers get 410 or 1001, all messages are lost. Resolves when the new worker answers. */
  reload(): Promise<void>
  /** nginx's error log. It contains `exited on signal` if a worker has crashed. */
  log(): string
  close(): Promise<void>
}

const BINARIES = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx']
const MODULES = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules'].map(
  (folder) => `${folder}/ngx_nchan_module.so`,
)

/** The possible paths of both files; one of each must exist. */
export const nchanFiles = { nginx: () => BINARIES.map(onMachine), module: () => MODULES.map(onMachine) }

/** nginx with nchan, a third-party server, on a port of its own. It writes into a temporary folder only. */
export async function startNchan(options: NchanOptions = {}): Promise<Nchan> {
  const binary = find('nginx', nchanFiles.nginx())
  const module = find('the nchan module of nginx', nchanFiles.module())
  const folder = mkdtempSync(join(tmpdir(), 'nchan-'))
  const errorLog = join(folder, 'error.log')
  const log = () => (existsSync(errorLog) ? readFileSync(errorLog, 'utf8') : '')
  const { port, nginx } = await startOnFreePort()
  const killWithUs = () => void nginx.kill('SIGTERM')
  process.once('exit', killWithUs)

  const origin = `http://127.0.0.1:${port}`
  const nchan: Nchan = {
    port,
    origin,
    subUrl: (channel) => `${origin}/sub/${channel}`,
    pubUrl: (channel) => `${origin}/pub/${channel}`,
    async publish(channel, body, { name } = {}) {
      const headers = { Accept: 'application/json', ...(name === undefined ? {} : { 'X-EventSource-Event': name }) }
      const response = await fetch(nchan.pubUrl(channel), { method: 'POST', body, headers })
      if (!response.ok) throw new Error(`nchan answered ${response.status} to a publisher`)
      return ((await response.json()) as { last_message_id: string }).last_message_id
    },
    async reload() {
      const old = await workerOf(port)
      nginx.kill('SIGHUP')
      await until(async () => ![undefined, old].includes(await workerOf(port)), 'nginx did not reload', 10_000)
    },
    log,
    async close() {
      process.off('exit', killWithUs)
      await stop(nginx)
      rmSync(folder, { recursive: true, force: true })
    },
    [Symbol.asyncDispose]: () => nchan.close(),
  }
  return nchan

  /** nginx cannot choose a port itself, so a free one is looked for, and another one if that has been taken meanwhile. */
  async function startOnFreePort(): Promise<{ port: number; nginx: ChildProcess }> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort()
      const config = join(folder, 'nginx.conf')
      const { username } = userInfo()
      writeFileSync(config, nchanConfig({ ...options, port, module, folder, user: username }))
      writeFileSync(join(folder, 'index.html'), blankPage(options.script && `/dist/${basename(options.script)}`))
      const nginx = spawn(binary, ['-p', folder, '-c', config, '-e', errorLog], { stdio: 'ignore' })
      try {
        await until(async () => nginx.exitCode !== null || (await workerOf(port)) !== undefined, 'nginx did not answer', 10_000)
        if (nginx.exitCode === null) return { port, nginx }
      } catch (error) {
        await stop(nginx)
        throw error
      }
      if (attempt === 3 || !log().includes('Address already in use')) throw new Error(`nginx did not start:\n${log()}`)
    }
  }
}

function find(what: string, candidates: readonly string[]): string {
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new Error(
    `MISSING: ${what}; looked for ${candidates.join(', ')}. On Debian or Ubuntu: apt-get install nginx libnginx-mod-nchan`,
  )
}

/** The process id of the worker that answers, `undefined` while none does. */
async function workerOf(port: number): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/worker`, { headers: { Connection: 'close' } }).catch(() => undefined)
  return response?.text()
}

async function stop(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null || nginx.signalCode !== null) return
  const exited = once(nginx, 'exit')
  nginx.kill('SIGTERM')
  const timer = setTimeout(() => nginx.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(timer)
}
