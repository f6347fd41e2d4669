import { createServer } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { SockJS, type SockJSCloseEvent, type SockJSOptions, sockjs } from '../../src/sockjs/index.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { type SockjsServerOptions, startSockjs } from '../support/sockjs-server.ts'
import { nodeHost, watchClient } from '../support/watched-client.ts'

/** Tests of the class `SockJS` and the protocol `sockjs()` against sockjs-node. */
const transports = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'] as const

/** Texts that an encoding as JSON, UTF-8, event stream or lines could corrupt. */
const awkward = [
  '',
  'plain',
  'é漢😀',
  'line\nbreak\r\nand\rreturn',
  '"quoted" \\ [1,2]',
  '\0\u2028\u2029\ufffe',
  'lone \ud800 and \udc00',
  '100% %25 %41',
]

function watch(url: string, options: SockJSOptions = {}) {
  const socket = new SockJS(url, null, { host: nodeHost, ...options })
  const log: string[] = []
  const data: string[] = []
  let end: SockJSCloseEvent | null = null
  socket.onopen = () => void log.push('open')
  socket.onmessage = (event) => void data.push(event.data)
  socket.onerror = () => void log.push('error')
  socket.onheartbeat = () => void log.push('heartbeat')
  socket.onclose = ({ type, code, reason, wasClean }) => {
    log.push('close')
    end = { type, code, reason, wasClean }
  }
  return {
    socket,
    log,
    data,
    opened: () => vi.waitFor(() => expect(socket.readyState).toBe(1), { timeout: 5000, interval: 5 }),
    closed: () =>
      vi.waitFor(
        () => {
          if (!end) throw new Error(`not closed: ${log}`)
          return end
        },
        { timeout: 15_000, interval: 5 },
      ),
  }
}

const start = (options?: SockjsServerOptions) => startSockjs(options)

/** A SockJS server whose first frame is the end of the session. */
async function startRefusing(end: string) {
  const http = createServer(({ url = '' }, response) => {
    if (url.includes('/info')) response.end('{"websocket":true}')
    else response.writeHead(200, { 'Content-Type': 'application/javascript' }).end(`c${end}\n`)
  })
  const service = new WebSocketServer({ server: http })
  service.on('connection', (socket) => {
    socket.send(`c${end}`)
    socket.close()
  })
  const port = await listenOnLoopback(http)
  return {
    url: `http://127.0.0.1:${port}/echo`,
    async [Symbol.asyncDispose]() {
      for (const socket of service.clients) socket.terminate()
      await stopListening(http)
    },
  }
}

describe.each(transports)('SockJS over %s', (transport) => {
  const only = { transports: [transport] }

  it('opens, and gets every text echoed in order', async () => {
    await using server = await start()
    const { socket, log, data, opened, closed } = watch(server.url, only)
    expect([socket.readyState, socket.url, socket.transport]).toEqual([0, server.url, null])
    expect(() => socket.send('early')).toThrow(/send\(\) has to wait for `open`/)
    await opened()
    expect([socket.transport, socket.protocol]).toEqual([transport, ''])
    const many = [...awkward, ...Array.from({ length: 300 }, (_, n) => `number ${n}`)]
    for (const text of many) socket.send(text)
    await vi.waitFor(() => expect(data).toHaveLength(many.length), 5000)
    expect(data).toEqual(many)
    expect(server.maxPostsAtOnce).toBeLessThanOrEqual(1)
    socket.close(3001, 'enough')
    expect(socket.readyState).toBe(2)
    expect(await closed()).toMatchObject({ code: 3001, reason: 'enough', wasClean: true })
    expect(log).toEqual(['open', 'close'])
    // The server notices the close at once.
    await vi.waitFor(() => expect(server.counts).toEqual({ opened: 1, closed: 1 }), 2000)
  })

  it('closes with the code and the reason of the server', async () => {
    await using server = await start()
    const { socket, opened, closed } = watch(server.url, only)
    await opened()
    socket.send('close 4001 server says bye')
    expect(await closed()).toMatchObject({ code: 4001, reason: 'server says bye', wasClean: true })
    expect(socket.readyState).toBe(3)
  })

  it('delivers every message that was sent before close()', async () => {
    await using server = await start()
    const { socket, opened, closed } = watch(server.url, only)
    await opened()
    for (let n = 0; n < 50; n += 1) socket.send(`silence ${n}`)
    socket.close()
    expect(await closed()).toMatchObject({ code: 1000, reason: 'Normal closure', wasClean: true })
    await vi.waitFor(() => expect(server.received).toHaveLength(50), 2000)
    await vi.waitFor(() => expect(server.counts.closed).toBe(1), 2000)
  })

  it('closes uncleanly with 1006 when the connection is cut', async () => {
    await using server = await start()
    const { opened, closed, log } = watch(server.url, only)
    await opened()
    server.cut()
    expect(await closed()).toMatchObject({ code: 1006, wasClean: false })
    expect(log).toEqual(['open', 'close'])
  })

  it('receives messages longer than any chunk of a body, and continues when the server ends a stream', async () => {
    await using server = await start({ responseLimit: 4096 })
    const { socket, data, opened } = watch(server.url, only)
    await opened()
    const long = Array.from({ length: 12 }, (_, n) => `${n} ${'é漢😀'.repeat(20_000)}`)
    for (const text of long) socket.send(text)
    await vi.waitFor(() => expect(data).toHaveLength(long.length), 10_000)
    expect(data).toEqual(long)
    expect(server.counts).toEqual({ opened: 1, closed: 0 })
    const again = server.requests.filter((each) => each.endsWith(`/${transport.replace('-polling', '').replace('-', '_')}`))
    if (transport !== 'websocket') expect(again.length).toBeGreaterThan(2)
    socket.close()
  })
})

describe('SockJS', () => {
  it.each(['off', 'refused'] as const)('falls back to xhr-streaming if WebSocket is %s', async (webSocket) => {
    await using server = await start({ webSocket })
    const { socket, log, opened, data } = watch(server.url)
    await opened()
    expect([socket.transport, log]).toEqual(['xhr-streaming', ['open']])
    socket.send('hello')
    await vi.waitFor(() => expect(data).toEqual(['hello']))
    socket.close()
  })

  it('falls back to xhr-polling if streams are refused', async () => {
    await using server = await start({ webSocket: 'refused' })
    server.meddle = ({ url = '' }) => (/xhr_streaming|eventsource/.test(url) ? { status: 503 } : 'pass')
    const { socket, opened } = watch(server.url)
    await opened()
    expect(socket.transport).toBe('xhr-polling')
    socket.close()
  })

  it('falls back from a transport that does not open in time', async () => {
    await using server = await start({ webSocket: 'off' })
    server.meddle = ({ url = '' }) => (/xhr_streaming/.test(url) ? { delayMs: 20_000 } : 'pass')
    const { socket, opened } = watch(server.url)
    await opened()
    expect(socket.transport).toBe('eventsource')
    socket.close()
  })

  it('closes with 2000 if no transport opens, and with 1002 if there is no server', async () => {
    await using server = await start({ webSocket: 'off' })
    server.meddle = ({ url = '' }) => (/info/.test(url) ? 'pass' : { status: 404 })
    const none = watch(server.url)
    expect(await none.closed()).toEqual({ type: 'close', code: 2000, reason: 'All transports failed', wasClean: false })
    expect(none.log).toEqual(['error', 'close'])
    const nobody = watch(`${server.origin}/nothing`)
    server.meddle = () => ({ status: 404 })
    expect(await nobody.closed()).toMatchObject({ code: 1002, reason: 'Cannot connect to server', wasClean: false })
  })

  it('sends no request if it is closed in the task that created it', async () => {
    await using server = await start()
    const { socket, closed, log } = watch(server.url)
    socket.close()
    expect(await closed()).toMatchObject({ code: 1000, wasClean: true })
    expect([server.requests, log]).toEqual([[], ['close']])
  })

  it('connects to the base URL that /info names, even if its own URL has a query', async () => {
    await using other = await start()
    await using server = await start({ baseUrl: other.url })
    const { socket, opened } = watch(`${server.url}?token=1`)
    await opened()
    expect([server.counts.opened, other.counts.opened]).toEqual([0, 1])
    socket.close()
  })

  it('calls onheartbeat for each heartbeat of the server', async () => {
    await using server = await start({ heartbeatMs: 30 })
    const { socket, log, opened } = watch(server.url, { transports: 'xhr-polling' })
    await opened()
    await vi.waitFor(() => expect(log.filter((each) => each === 'heartbeat').length).toBeGreaterThan(2))
    socket.close()
  })

  it('closes with 1006 when the server has lost the session', async () => {
    await using server = await start({ disconnectDelayMs: 50, heartbeatMs: 20 })
    const { opened, closed } = watch(server.url, { transports: 'xhr-polling' })
    await opened()
    server.meddle = ({ url = '' }) => (url.endsWith('/xhr') ? { delayMs: 300 } : 'pass')
    expect(await closed()).toMatchObject({ code: 1006, reason: 'the server has lost the session', wasClean: false })
  })

  it.each([
    ['xhr-streaming', 'o\n', 'a["50% off"]\n', 'a["cut'],
    ['xhr-streaming', '\no\r\n\r\n', '\na["50% off"]\r\n\n', '\n\na["cut'],
    ['eventsource', 'data: o\r\n\r\n', 'data: a["50% off"]\r\n\r\n', 'data: a["cut"]\r\n'],
  ])(
    'over %s receives messages byte by byte, and closes with 1006 when a response ends inside a frame',
    async (transport, open, whole, cut) => {
      const answers = [[open, whole], [whole.replace('50% off', '%25 é😀')], [cut]]
      const server = createServer(async (request, response) => {
        if (request.url?.includes('/info')) {
          response.end('{"websocket":false}')
          return
        }
        response.writeHead(200, { 'Content-Type': transport === 'eventsource' ? 'text/event-stream' : 'application/javascript' })
        for (const byte of Buffer.from((answers.shift() ?? []).join(''))) {
          response.write(Uint8Array.of(byte))
          await new Promise(setImmediate)
        }
        response.end()
      })
      const port = await listenOnLoopback(server)
      const { data, closed } = watch(`http://127.0.0.1:${port}/echo`, { transports: transport })
      expect(await closed()).toMatchObject({ code: 1006, wasClean: false })
      // The bare percent sign in the first answer has shown that the server does not escape them.
      expect(data).toEqual(['50% off', '%25 é😀'])
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  )

  it('closes with 1006 when a message cannot be sent', async () => {
    await using server = await start({ webSocket: 'off' })
    const { socket, opened, closed } = watch(server.url)
    await opened()
    server.meddle = ({ url = '' }) => (/xhr_send/.test(url) ? { status: 500 } : 'pass')
    socket.send('lost')
    expect(await closed()).toMatchObject({ code: 1006, reason: 'HTTP status 500', wasClean: false })
  })

  it('throws for an invalid URL, option or subprotocol', () => {
    const make =
      (url: unknown, options: unknown = {}, protocols: unknown = undefined) =>
      () =>
        new SockJS(url as string, protocols as string, options as SockJSOptions)
    expect(make('ws://127.0.0.1/echo')).toThrow(/the URL's scheme must be 'http' or 'https'; it was 'ws'/)
    expect(make('/echo')).toThrow(/where there is no page it must be absolute/)
    expect(make('http://127.0.0.1/', { transport: 'websocket' })).toThrow(/unknown option 'transport'; did you mean 'transports'/)
    expect(make('http://127.0.0.1/', { transports: ['flash'] })).toThrow(/transports must be of websocket, .*; it was 'flash'/)
    expect(make('http://127.0.0.1/', { sessionId: 0 })).toThrow(/sessionId must be a number of characters from 1 to 255/)
    expect(make('http://127.0.0.1/', { server: 'a/b' })).toThrow(/server must be a string without slashes/)
    expect(make('http://127.0.0.1/', {}, ['a', 'a'])).toThrow(/SockJS: the subprotocol 'a' is given twice/)
  })

  it('uses the options server, sessionId and transports', async () => {
    await using server = await start({ webSocket: 'off' })
    const paths: string[] = []
    server.meddle = ({ url = '' }) => {
      paths.push(url)
      return 'pass'
    }
    const { socket, opened } = watch(server.url, {
      server: '007',
      sessionId: () => 'mine',
      transports: ['jsonp-polling', 'xhr-polling'],
    })
    await opened()
    expect(paths[1]).toBe('/echo/007/mine/xhr')
    socket.close()
  })
})

describe.each(['websocket', 'sse', 'long-poll'] as const)('sockjs() over %s', (transport) => {
  const options = { protocol: sockjs(), transports: [transport], retry: { minDelayMs: 20, maxDelayMs: 20 } }

  it('gets every text echoed in order, and reconnects after each cut', async () => {
    await using server = await start()
    await using watched = watchClient(server.url, options)
    for (let connection = 1; connection <= 3; connection += 1) {
      await watched.nth('open', connection)
      const before = watched.data.length
      for (const text of awkward) watched.client.send(text)
      await vi.waitFor(() => expect(watched.data).toHaveLength(before + awkward.length), 5000)
      expect(watched.data.slice(before)).toEqual(awkward)
      if (connection < 3) server.cut()
    }
    expect(watched.of('open').map(({ resumed }) => resumed)).toEqual([false, false, false])
    expect(server.maxPostsAtOnce).toBeLessThanOrEqual(1)
    expect(watched.reported).toEqual([])
  })

  it('reports the code and the reason of the server, and reconnects', async () => {
    await using server = await start()
    await using watched = watchClient(server.url, options)
    await watched.nth('open')
    watched.client.send('close 4001 server says bye')
    expect(await watched.nth('close')).toMatchObject({ code: 4001, reason: 'server says bye', wasClean: true, final: false })
    await watched.nth('open', 2)
  })

  it('sends every message before it closes, and the server notices the close at once', async () => {
    await using server = await start()
    await using watched = watchClient(server.url, options)
    await watched.nth('open')
    watched.client.send('silence last')
    expect(await watched.client.close()).toEqual({ unsent: [], unconfirmed: [] })
    await vi.waitFor(() => expect(server.counts).toEqual({ opened: 1, closed: 1 }), 2000)
    expect(server.received).toEqual(['silence last'])
  })

  it('throws for binary data', async () => {
    await using server = await start()
    await using watched = watchClient(server.url, options)
    await watched.nth('open')
    expect(() => watched.client.send(new Uint8Array([1]))).toThrow(/SockJS carries text alone/)
  })
})

describe('sockjs()', () => {
  const retry = { minDelayMs: 20, maxDelayMs: 20 }

  it.each(['off', 'refused'] as const)('falls back to SSE if WebSocket is %s', async (webSocket) => {
    await using server = await start({ webSocket })
    await using watched = watchClient(server.url, { protocol: sockjs(), retry })
    expect((await watched.nth('open')).transport).toBe('sse')
  })

  it('requests /info once while dials succeed, and again after one that failed', async () => {
    await using server = await start()
    await using watched = watchClient(server.url, { protocol: sockjs(), retry, transports: ['sse'] })
    const asked = () => server.requests.filter((each) => each === 'GET /echo/info').length
    await watched.nth('open')
    server.cut()
    await watched.nth('open', 2)
    expect(asked()).toBe(1)
    server.meddle = ({ url = '' }) => (url.includes('xhr_streaming') ? { status: 503 } : 'pass')
    server.cut()
    await vi.waitFor(() => expect(watched.causes()).toContain('http.503'))
    server.meddle = () => 'pass'
    await watched.nth('open', 3)
    expect(asked()).toBeGreaterThan(1)
  })

  it('closes a connection on which no heartbeat arrives', async () => {
    await using server = await start({ heartbeatMs: 100 })
    const host = {
      ...nodeHost,
      after: (ms: number, run: () => void) => {
        const timer = setTimeout(run, ms / 20)
        return () => clearTimeout(timer)
      },
    }
    await using watched = watchClient(server.url, {
      protocol: sockjs({ heartbeatMs: 100 }),
      retry,
      transports: ['long-poll'],
      host,
    })
    await watched.nth('open')
    server.meddle = ({ url = '' }) => (url.endsWith('/xhr') ? { delayMs: 5000 } : 'pass')
    await vi.waitFor(() => expect(watched.of('close').length).toBeGreaterThan(0), 5000)
    expect(watched.of('close')[0]?.diagnosis?.evidence.kind).toBe('silent')
  })

  it('reports http.404 if /info is not found', async () => {
    await using server = await start()
    server.meddle = () => ({ status: 404 })
    await using watched = watchClient(server.url, { protocol: sockjs(), retry: false })
    await watched.nth('close')
    expect(watched.causes()).toContain('http.404')
  })

  it.each(['websocket', 'sse', 'long-poll', 'poll'] as const)(
    'ends with the code and the reason of a server that refuses the session, over %s',
    async (type) => {
      await using server = await startRefusing('[4401,"go away"]')
      const transports = [type, ...(['websocket', 'sse', 'long-poll'] as const).filter((each) => each !== type)]
      await using watched = watchClient(server.url, { protocol: sockjs(), retry, transports })
      expect(await watched.nth('close')).toMatchObject({ code: 4401, reason: 'go away', wasClean: true, final: true })
      expect(watched.causes()).toEqual(['close.4401'])
      expect(watched.of('open')).toEqual([])
    },
  )

  it('throws for an unknown or invalid option', () => {
    expect(() => sockjs({ heartbeat: 1 } as never)).toThrow(
      /unknown option 'sockjs\(\)\.heartbeat'; did you mean 'sockjs\(\)\.heartbeatMs'/,
    )
    expect(() => sockjs({ heartbeatMs: -1 })).toThrow(/sockjs\(\)\.heartbeatMs must be a number/)
  })
})
