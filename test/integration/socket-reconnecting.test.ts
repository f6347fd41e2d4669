import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import ReconnectingWebSocket from 'reconnecting-websocket'
import { describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { type ReconnectingSocketShape, type ReconnectionOptions, reconnectingSocketOver } from '../../src/socket/index.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { nodeHost } from '../support/watched-client.ts'

const quick: ReconnectionOptions = { minReconnectionDelay: 20, maxReconnectionDelay: 60, minUptime: 300 }

/** Logs each event of a socket, with its `retryCount` and `readyState` at that time. */
function watch(socket: ReconnectingSocketShape | ReconnectingWebSocket) {
  const log: unknown[] = []
  const heard: unknown[] = []
  const note = (...what: unknown[]) => void log.push([...what, socket.retryCount, socket.readyState])
  socket.onopen = () => note('open')
  socket.onerror = () => note('error')
  socket.onclose = (event: { code?: number; reason?: string }) => note('close', event.code, event.reason)
  socket.onmessage = (event: { data?: unknown }) => void heard.push(event.data)
  const until = (events: number) =>
    vi.waitFor(() => expect(log.length).toBeGreaterThanOrEqual(events), { timeout: 8000, interval: 5 })
  return { log, heard, until }
}

/** A server that closes with the code it receives, and echoes anything else. */
const closing: RealtimeServerOptions = {
  onMessage: (session, { data }) => {
    const code = Number(data)
    return code ? session.close(code, 'as asked') : session.send(data)
  },
}

/** The same server with `ws`, for the package reconnecting-websocket itself. */
async function plainServer() {
  const http = createServer()
  const server = new WebSocketServer({ server: http })
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const code = Number(String(data))
      if (code) socket.close(code, 'as asked')
      else socket.send(String(data))
    })
  })
  const port = await listenOnLoopback(http)
  return {
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate()
      await stopListening(http)
    },
  }
}

/** The server closes with 4001 and it reconnects; reconnect(); the server closes with 1000 and it reconnects; close(). */
async function script(socket: ReconnectingSocketShape | ReconnectingWebSocket) {
  const { log, heard, until } = watch(socket)
  socket.send('before it is open')
  await until(1)
  socket.send('4001')
  await until(3)
  socket.send('hello')
  await vi.waitFor(() => expect(heard).toHaveLength(2))
  socket.reconnect(4002, 'own')
  await until(5)
  await sleep(500)
  const settled = socket.retryCount
  socket.send('1000')
  await until(7)
  socket.close()
  await until(8)
  await sleep(200)
  return { log, heard, settled, readyState: socket.readyState }
}

describe('reconnectingSocketOver()', () => {
  it.each<TransportName>(['websocket', 'sse', 'long-poll'])('behaves over %s as reconnecting-websocket does', async (type) => {
    await using plain = await plainServer()
    await using rig = await startRig({ options: closing })
    const reference = new ReconnectingWebSocket(plain.url, [], { ...quick, WebSocket })
    const Socket = reconnectingSocketOver({ host: nodeHost, transports: [transportOf(type)] })
    const own = new Socket(rig.url, [], quick)
    const [expected, said] = await Promise.all([script(reference), script(own)])
    expect(said).toEqual(expected)
    expect(said.log).toEqual([
      ['open', 0, 1],
      ['close', 4001, 'as asked', 1, 3],
      ['open', 1, 1],
      ['close', 4002, 'own', 0, expect.anything()],
      ['open', 0, 1],
      ['close', 1000, 'as asked', 1, 3],
      ['open', 1, 1],
      ['close', 1000, '', 1, 3],
    ])
  })

  it('reconnects after the session is lost', async () => {
    await using rig = await startRig({ options: closing })
    const Socket = reconnectingSocketOver({ host: nodeHost, transports: ['websocket'] })
    const socket = new Socket(rig.url, [], quick)
    const { log, until } = watch(socket)
    await until(1)
    await rig.servers.server().end('anonymous', 4410)
    await until(3)
    expect(log.map((each) => (each as unknown[]).slice(0, 2))).toEqual([
      ['open', 0],
      ['close', 4410],
      ['open', 1],
    ])
    socket.close()
    await until(4)
    expect(log[3]).toEqual(['close', 1000, '', expect.anything(), 3])
  })

  it('calls the functions for the URL and the subprotocols before each connect, and retries if one fails', async () => {
    await using rig = await startRig({ options: { ...closing, selectProtocol: (protocols) => protocols.at(-1) } })
    // An error that is reported ends a process of Node: the event has it, as that of partysocket does.
    const reported: unknown[] = []
    const host = { ...nodeHost, report: (error: unknown) => void reported.push(error) }
    const Socket = reconnectingSocketOver({ host, transports: ['websocket'] })
    let calls = 0
    const url = async () => {
      calls += 1
      if (calls === 1) throw new Error('no token yet')
      return calls === 2 ? 'not a scheme' : `${rig.url}?try=${calls}`
    }
    const socket = new Socket(url, () => ['one', 'two'], quick)
    const { log, until } = watch(socket)
    const errors: (Event & { readonly message?: string; readonly error?: Error })[] = []
    socket.addEventListener('error', (event) => errors.push(event))
    await until(3)
    expect(log.map((each) => (each as unknown[])[0])).toEqual(['error', 'error', 'open'])
    expect(errors.map(({ message }) => message)).toEqual([
      'no token yet',
      expect.stringContaining("the URL 'not a scheme' is invalid"),
    ])
    expect(errors.map(({ error }) => error?.message)).toEqual(errors.map(({ message }) => message))
    expect(reported).toEqual([])
    expect([socket.url.split('?')[1], socket.protocol, socket.retryCount]).toEqual(['try=3', 'two', 2])
    socket.close(4000, 'done')
    await until(4)
  })

  it('gives up after maxRetries, and tries again after reconnect()', async () => {
    const Socket = reconnectingSocketOver({ host: nodeHost, transports: ['websocket'], probe: false })
    const socket = new Socket('ws://127.0.0.1:9/', [], { ...quick, maxRetries: 2 })
    const { log, until } = watch(socket)
    await until(6)
    await sleep(300)
    expect(log.map((each) => (each as unknown[])[0])).toEqual(['error', 'close', 'error', 'close', 'error', 'close'])
    expect([socket.retryCount, socket.readyState]).toEqual([2, 3])
    socket.reconnect()
    await until(7)
    socket.close()
  })

  it('queues a copy of each message sent before it is open, up to maxEnqueuedMessages', async () => {
    await using rig = await startRig({ options: closing })
    const Socket = reconnectingSocketOver({ host: nodeHost, transports: ['sse'] })
    const socket = new Socket(rig.url, undefined, { ...quick, startClosed: true, maxEnqueuedMessages: 3 })
    socket.binaryType = 'arraybuffer'
    const { heard, until } = watch(socket)
    const bytes = Uint8Array.of(1, 2, 3)
    expect(socket.readyState).toBe(3)
    for (const each of ['one', bytes, 'zwei 🙂']) socket.send(each)
    bytes.fill(9)
    expect(socket.bufferedAmount).toBe(3 + 3 + 9)
    expect(() => socket.send('four')).toThrow(/more than 3 messages/)
    socket.reconnect()
    await until(1)
    await vi.waitFor(() => expect(heard).toEqual(['one', Uint8Array.of(1, 2, 3).buffer, 'zwei 🙂']), 5000)
    socket.close()
  })

  it('does not connect after close(), even if the function for the URL resolves later', async () => {
    let answer = (_: string) => {}
    const Socket = reconnectingSocketOver({ host: nodeHost, transports: ['websocket'] })
    const socket = new Socket(
      () =>
        new Promise<string>((resolve) => {
          answer = resolve
        }),
    )
    const { log } = watch(socket)
    await sleep(50)
    expect(socket.readyState).toBe(0)
    socket.close()
    answer('ws://127.0.0.1:9/')
    await sleep(100)
    expect(log).toEqual([])
    expect(socket.readyState).toBe(3)
  })

  it('throws for an invalid URL, subprotocol or option, and names it', () => {
    const Socket = reconnectingSocketOver({ host: nodeHost })
    const make =
      (...given: unknown[]) =>
      () =>
        Reflect.construct(Socket, given)
    expect(make()).toThrow(/URL is missing/)
    expect(make('ftp://x/')).toThrow(/scheme must be/)
    expect(make('ws://x/', 'not a token')).toThrow(/subprotocol 'not a token' is invalid/)
    expect(make('ws://x/', [], { maxRetry: 3, startClosed: true })).toThrow(/maxRetry.*maxRetries/)
    expect(make('ws://x/', [], { minUptime: -1 })).toThrow(/minUptime must be a number/)
    expect(make('ws://x/', [], { connectionTimeout: 4000 })).toThrow(/connectTimeoutMs/)
    expect(make('ws://x/', [], 'chat')).toThrow(/object of options/)
    expect(() => reconnectingSocketOver({ protocol: 'session' } as never)).toThrow(/'protocol' is not supported here/)
  })
})
