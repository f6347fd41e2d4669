import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { expect, vi } from 'vitest'
import type { Engine, EnginePage } from './engines.ts'
import { RealtimeServers } from './realtime-servers.ts'

/** What the pages of these tests record of their client. */
export interface TabLog {
  readonly status: string
  readonly taken: readonly string[]
  readonly events: readonly string[]
}

const entry = `
import { RealtimeClient } from '${join(import.meta.dirname, '../../src/index.ts')}'
import { session } from '${join(import.meta.dirname, '../../src/session/index.ts')}'
import { shared } from '${join(import.meta.dirname, '../../src/shared/index.ts')}'
globalThis.begin = (path, key, transports) => {
  const client = new RealtimeClient(path, { protocol: session(), connection: shared({ key }), transports, probe: false })
  const log = { taken: [], events: [] }
  client.on('message', ({ data }) => log.taken.push(data))
  client.on('open', ({ resumed }) => log.events.push(resumed ? 'resumed' : 'open'))
  client.on('gap', () => log.events.push('gap'))
  client.on('close', ({ code }) => log.events.push('close ' + code))
  client.on('error', ({ diagnosis }) => log.events.push(diagnosis.cause))
  client.onrequest = ({ data }) => 'page: ' + data
  globalThis.client = client
  globalThis.topic = (name, options) => {
    const topic = client.subscribe(name, options)
    const log = []
    topic.on('message', ({ data }) => log.push(data))
    topic.on('error', ({ error }) => log.push(error.code))
    globalThis.topics ??= {}
    globalThis.topics[name] = { topic, log }
  }
  globalThis.tabLog = () => ({ status: client.state.status, ...log })
}
`

/** Builds the script of these pages into a temporary folder, which `remove()` deletes. */
export async function buildTabScript(): Promise<{ readonly path: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-tabs-'))
  const path = join(folder, 'tabs.js')
  await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'iife',
    outfile: path,
    logLevel: 'silent',
  })
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A server that records every message handled; it replies `<message> is taken` to each. */
export async function startTabServer(script: string) {
  const handled: string[] = []
  const sessions = new Set<string>()
  const servers = await RealtimeServers.start({
    page: { script },
    options: {
      onSession: ({ id }) => void sessions.add(id),
      onEnd: ({ id }) => void sessions.delete(id),
      onSubscribe: () => true,
      onPublish: () => true,
      async onRequest(_, { data }) {
        handled.push(String(data))
        await sleep(5)
        return `re: ${String(data)}`
      },
      onMessage: (session, { data }) => {
        handled.push(String(data))
        return session.send(`${String(data)} is taken`)
      },
    },
  })
  const attachments = () =>
    Object.values(servers.servers[0]?.metrics().attachments.open ?? {}).reduce((sum, each) => sum + each, 0)
  return Object.assign(servers, { handled, sessions, attachments })
}

declare const begin: (path: string, key: string, transports: readonly string[]) => void
declare const tabLog: () => TabLog

export const patient = { timeout: 8000, interval: 20 }

export const logOf = (page: EnginePage): Promise<TabLog> => page.evaluate(() => tabLog())

/** Tabs of one browser with a server of their own. */
export interface TabRig extends AsyncDisposable {
  readonly server: Awaited<ReturnType<typeof startTabServer>>
  /** The tabs in the order in which they were opened: the first one is the leader. */
  readonly tabs: readonly EnginePage[]
  /** Opens a tab, and waits until its client is open. */
  open(key?: string): Promise<EnginePage>
}

export async function startTabs(engine: Engine, script: string, count: number, hasWebSocket = true): Promise<TabRig> {
  if (!engine.openTabs) throw new RangeError('This engine opens no tabs.')
  const server = await startTabServer(script)
  const place = await engine.openTabs()
  const path = server.urls[0] ?? ''
  const tabs: EnginePage[] = []
  const rig: TabRig = {
    server,
    tabs,
    async open(key = 'somebody') {
      const page = await place.open(`${new URL(path).origin}/`)
      tabs.push(page)
      if (!hasWebSocket) await page.evaluate(() => void Reflect.deleteProperty(globalThis, 'WebSocket'))
      await page.evaluate(([url, name]) => begin(url, name, ['websocket', 'sse', 'long-poll', 'poll']), [path, key] as const)
      await vi.waitFor(async () => expect((await logOf(page)).status).toBe('open'), patient)
      return page
    },
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
  while (tabs.length < count) await rig.open()
  return rig
}
