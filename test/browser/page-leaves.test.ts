import { createServer } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import type { RealtimeOptions } from '../../src/index.ts'
import type { Engine, EngineName, EnginePage } from '../support/engines.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { type PageGlobals, type PageOptions, SCRIPT } from '../support/page-client.ts'
import { servePage } from '../support/page-host.ts'
import { startRig, transportOf } from '../support/session-rig.ts'
import { useEngine } from '../support/use-engine.ts'

/** What a page sends and closes when it is unloaded, and that a thread busy for longer than the deadlines causes no error. */
const engines: readonly EngineName[] = ['chromium', 'firefox']

/** Creates a client in the page, and resolves when it is open. */
async function open(page: EnginePage, url: string, options: PageOptions): Promise<void> {
  await page.evaluate(
    async ([url, options]) => {
      const scope = globalThis as unknown as PageGlobals
      const { protocol, ...given } = JSON.parse(options)
      const mode = protocol === 'session' ? { protocol: scope.Steadfast.session() } : {}
      scope.client = new scope.Steadfast.RealtimeClient(url, { ...given, ...mode })
      await new Promise<void>((resolve) => scope.client.addEventListener('open', () => resolve()))
    },
    [url, JSON.stringify(options)] as const,
  )
}

/** The events of a page that is unloaded, in this order, in which an application may say goodbye. */
type LastEvent = 'pagehide' | 'visibilitychange'

/** The application sends and closes in a listener to this event, added after the client's own; then the page navigates away. */
async function sayGoodbyeAndGo(page: EnginePage, type: LastEvent = 'pagehide'): Promise<void> {
  await page.evaluate((type) => {
    const { client } = globalThis as unknown as PageGlobals
    const target = type === 'pagehide' ? globalThis : document
    target.addEventListener(type, () => {
      client.send('bye')
      void client.close(3001, 'gone')
    })
    // After the answer to this call, which an earlier navigation could prevent.
    setTimeout(() => {
      location.href = '/?elsewhere'
    }, 100)
  }, type)
}

/** Waits for the next document: a browser that is to close a page between two documents may never do so. */
async function arrived(page: EnginePage): Promise<void> {
  await vi.waitFor(async () => expect(await page.evaluate(() => location.search)).toBe('?elsewhere'), 8000)
}

async function startSession() {
  const told: string[] = []
  const rig = await startRig({
    page: { script: SCRIPT },
    options: {
      onMessage: (_, { data }) => void told.push(String(data)),
      onEnd: (_, { by, code, reason }) => void told.push(`${by} ${code} ${reason}`),
    },
  })
  return { rig, told, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

/** A server without steadfast: an echo over WebSocket, an event stream, and an endpoint for POSTs. */
async function startPlain() {
  const told: string[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer((request, response) => {
    if (request.method === 'GET' && servePage({ script: SCRIPT }, request, response)) return
    if (request.method === 'GET') response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n')
    else {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        told.push(body)
        response.end()
      })
    }
  })
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('message', (data) => {
        told.push(String(data))
        webSocket.send(`${data}`)
      })
      webSocket.on('close', (code, reason) => told.push(`${code} ${reason}`))
    }),
  )
  const port = await listenOnLoopback(server)
  return {
    told,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const each of sockets.clients) each.terminate()
      await stopListening(server)
    },
  }
}

describe.each(engines)('in %s', (name) => {
  let engine: Engine
  useEngine(name, (started) => {
    engine = started
  })

  it.each(
    (['pagehide', 'visibilitychange'] as const).flatMap((event) =>
      (['websocket', 'sse', 'long-poll'] as const).map((type) => ({ event, type })),
    ),
  )('[SP8] the last message and the close() of a page in $event reach the session over $type', async ({ event, type }) => {
    await using session = await startSession()
    await using page = await engine.open(session.rig.proxy.url)
    await open(page, '/realtime', { protocol: 'session', transports: [transportOf(type)] })
    await sayGoodbyeAndGo(page, event)
    await vi.waitFor(() => expect(session.told).toEqual(['bye', 'client 3001 gone']), { timeout: 8000, interval: 20 })
    await arrived(page)
  })

  it('[SP8] a client closed after losing its connection still sends its last message and ends the session', async () => {
    await using session = await startSession()
    await using page = await engine.open(session.rig.proxy.url)
    await open(page, '/realtime', { protocol: 'session', transports: [transportOf('websocket')] })
    await page.evaluate(() => {
      const { client } = globalThis as unknown as PageGlobals
      client.addEventListener('close', ({ final }) => {
        if (final) return
        client.send('bye')
        void client.close(3001, 'gone')
      })
    })
    session.rig.proxy.killAll()
    await vi.waitFor(() => expect(session.told).toEqual(['bye', 'client 3001 gone']), { timeout: 8000, interval: 20 })
  })

  // Firefox closes the sockets of a page (1001) before it fires `pagehide`.
  const types = name === 'firefox' ? (['sse'] as const) : (['websocket', 'sse'] as const)
  it.each((['pagehide', 'visibilitychange'] as const).flatMap((event) => types.map((type) => ({ event, type }))))(
    'a message that a page sends in $event reaches a server in plain mode over $type',
    async ({ event, type }) => {
      await using server = await startPlain()
      await using page = await engine.open(server.origin)
      await open(page, '/plain', { transports: [type] })
      await sayGoodbyeAndGo(page, event)
      const expected = type === 'websocket' ? ['bye', '3001 gone'] : ['bye']
      await vi.waitFor(() => expect(server.told).toEqual(expected), { timeout: 8000, interval: 20 })
      await arrived(page)
    },
  )

  it('a thread that is busy for longer than each deadline causes no error', async () => {
    await using server = await startPlain()
    await using page = await engine.open(server.origin)
    const errors = await page.evaluate(async () => {
      const { Steadfast } = globalThis as unknown as PageGlobals
      const errors: string[] = []
      const busy = (ms: number) => {
        const until = performance.now() + ms
        while (performance.now() < until) {}
      }
      const clientOf = async (options: RealtimeOptions) => {
        const client = new Steadfast.RealtimeClient('/plain', { probe: false, connectTimeoutMs: 1000, ...options })
        client.addEventListener('error', ({ diagnosis }) => errors.push(`${diagnosis.evidence.phase} ${diagnosis.cause}`))
        const opened = new Promise<void>((resolve) => client.addEventListener('open', () => resolve()))
        await new Promise((resolve) => setTimeout(resolve))
        return { client, opened }
      }
      for (const transport of ['websocket', 'sse'] as const) {
        const { client, opened } = await clientOf({
          transports: [transport],
          ...(transport === 'websocket' && { heartbeat: { message: 'ping', reply: 'ping', intervalMs: 500, timeoutMs: 500 } }),
        })
        // The server answers the handshake while the thread is busy.
        busy(1500)
        await opened
        client.send('a')
        busy(1500)
        await new Promise((resolve) => setTimeout(resolve, 1000))
        await client.close()
      }
      return errors
    })
    expect(errors).toEqual([])
  })
})
