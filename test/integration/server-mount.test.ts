import { EventEmitter, once } from 'node:events'
import { createServer, type RequestListener, type Server, ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createNetServer, type Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { mount } from '../../src/server/adapters/mount.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { makeCertificates } from '../faults/certificates.ts'
import { want } from '../support/equipment.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { bodyOf, randomSession, until } from '../support/raw-client.ts'
import { postText, RawTcp, requestText, upgradeText } from '../support/raw-tcp.ts'
import { helloOf } from '../support/server-bench.ts'

interface Staged extends AsyncDisposable {
  readonly port: number
  readonly realtime: RealtimeServer
  readonly errors: readonly unknown[]
}

type Attachable = Parameters<RealtimeServer['attach']>[0]

async function staged(http: Attachable): Promise<Staged> {
  const errors: unknown[] = []
  const realtime = new RealtimeServer({ onError: (error) => errors.push(error) })
  realtime.attach(http)
  const sockets = new Set<Duplex>()
  for (const event of ['connection', 'secureConnection'])
    http.on(event, (socket: Duplex) => {
      sockets.add(socket)
      socket.on('error', () => {})
    })
  const port = await listenOnLoopback(http as NetServer)
  return {
    port,
    realtime,
    errors,
    async [Symbol.asyncDispose]() {
      await realtime.close({ drainMs: 0 })
      http.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const app: RequestListener = (request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => response.end(`the application: ${request.method} ${request.url} ${body}`))
}

const websocket = { Connection: 'Upgrade', Upgrade: 'websocket' }
/** The headers with which `curl --http2` and Java's HttpClient offer HTTP/2. */
const h2c = {
  Connection: 'Upgrade, HTTP2-Settings',
  Upgrade: 'h2c',
  'HTTP2-Settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
}

async function answersTo(port: number, text: string, count = 1): Promise<[number, string][]> {
  using raw = await RawTcp.open(port)
  await raw.write(text)
  return (await raw.answered(count)).map(({ status, body }) => [status, body])
}

describe('the request target', () => {
  it.each([
    '/realtime',
    '/realtime/',
    '/%72ealtime?attempt=a',
    'http://some.example/realtime',
    'http://some.example:8080/realtime/?attempt=a',
  ])('%s is served over HTTP and WebSocket', async (target) => {
    await using server = await staged(createServer(app))
    const hello = bodyOf({ session: randomSession(), wait: 0 })
    const [[status, body] = []] = await answersTo(server.port, requestText('POST', target, {}, hello))
    expect([status, body]).toEqual([200, expect.stringContaining('data: o{')])
    expect(await answersTo(server.port, upgradeText({ session: randomSession() }, {}, target))).toEqual([[101, '']])
  })

  it.each(['/', '//', '/realtime/x', '/realtime%2F', 'http://some.example/', '*', '/%'])('%s is not served', async (target) => {
    await using server = await staged(createServer(app))
    expect(await answersTo(server.port, requestText('OPTIONS', target))).toEqual([[200, `the application: OPTIONS ${target} `]])
  })
})

describe('an upgrade to a protocol other than WebSocket', () => {
  it("is served as a plain request at the server's path, with its body, and the connection stays usable", async () => {
    await using server = await staged(createServer(app))
    using raw = await RawTcp.open(server.port)
    for (let count = 1; count <= 3; count += 1) {
      await raw.write(postText({ session: randomSession(), wait: 0 }, [], h2c))
      const answer = (await raw.answered(count))[count - 1]
      expect([answer?.status, answer?.body]).toEqual([200, expect.stringContaining('data: o{')])
    }
    await raw.write(upgradeText({ session: randomSession() }))
    expect((await raw.answered(4))[3]?.status).toBe(101)
    expect(server.errors).toEqual([])
  })

  it('is a plain request to the application at other paths, even in pieces and pipelined', async () => {
    const seen: unknown[] = []
    const http = createServer((request, response) => {
      seen.push([request.headers.upgrade, request.headers['http2-settings'], request.headers.connection])
      // The first answer is delayed, so that the other requests are pipelined.
      setTimeout(() => app(request, response), request.url === '/a' ? 100 : 0)
    })
    await using server = await staged(http)
    using raw = await RawTcp.open(server.port)
    const text = requestText('GET', '/a') + requestText('POST', '/b', h2c, 'body of b') + requestText('GET', '/c')
    for (const piece of text.match(/.{1,40}/gs) ?? []) await raw.write(piece)
    const answers = await raw.answered(3)
    expect(answers.map(({ body }) => body)).toEqual([
      'the application: GET /a ',
      'the application: POST /b body of b',
      'the application: GET /c ',
    ])
    expect(seen[1]).toEqual([undefined, undefined, undefined])
  })

  it("is left to other upgrade listeners, except at the server's path", async () => {
    const http = createServer(app)
    http.on('upgrade', (_, socket: Duplex) => socket.end('HTTP/1.1 418 Taken\r\nContent-Length: 0\r\n\r\n'))
    await using server = await staged(http)
    expect(await answersTo(server.port, requestText('GET', '/other', h2c))).toEqual([[418, '']])
    const text = postText({ session: randomSession(), wait: 0 }, [], h2c)
    expect(await answersTo(server.port, text)).toEqual([[200, expect.any(String)]])
  })

  it('is served as a plain request when the application calls handleUpgrade()', async () => {
    await using server = await staged(createServer())
    const http = createServer((request, response) => server.realtime.handleRequest(request, response))
    http.on('upgrade', (request, socket, head) => server.realtime.handleUpgrade(request, socket, head))
    const port = await listenOnLoopback(http)
    const text = postText({ session: randomSession(), wait: 0 }, [], h2c)
    expect(await answersTo(port, text)).toEqual([[200, expect.stringContaining('data: o{')]])
    http.close()
    http.closeAllConnections()
  })

  it('is served as a plain request over TLS', async (context) => {
    await want(context, 'openssl')
    await using certificates = await makeCertificates()
    const pair = await certificates.issue('127.0.0.1')
    await using server = await staged(createHttpsServer(pair, app))
    const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write(requestText('POST', '/other', h2c, 'body'))
    await until(() => text.includes('the application: POST /other body'))
    socket.write(postText({ session: randomSession(), wait: 0 }, [], h2c))
    await until(() => text.includes('data: o{'))
    socket.destroy()
  })
})

describe('a WebSocket upgrade at another path', () => {
  it('is answered with 404 without an upgrade listener, even if the client keeps its side open', async () => {
    await using server = await staged(createServer(app))
    using raw = await RawTcp.open(server.port, { isHalfOpen: true })
    await raw.write(requestText('GET', '/other', websocket))
    expect(await raw.over(5000)).toBe('fin')
    expect(raw.answers[0]?.status).toBe(404)
  })

  it('is answered with 404 after a minute if no upgrade listener uses the socket, and left to one that answers late', async () => {
    const http = createServer(app)
    const taken: Duplex[] = []
    http.on('upgrade', (request, socket: Duplex) => {
      if (request.url === '/late') socket.on('data', () => {})
      taken.push(socket)
    })
    const minutes: (() => void)[] = []
    const after = (delayMs: number, run: () => void) => {
      if (delayMs === 60_000) minutes.push(run)
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    }
    const unmount = mount(http, { path: '/realtime', request() {}, upgrade() {} }, { after, report() {} })
    const port = await listenOnLoopback(http)
    using ignored = await RawTcp.open(port)
    await ignored.write(requestText('GET', '/ignored', websocket))
    using late = await RawTcp.open(port)
    await late.write(requestText('GET', '/late', websocket))
    await until(() => taken.length === 2)
    expect(minutes).toHaveLength(2)
    expect([ignored.end, late.end]).toEqual([null, null])
    for (const run of minutes) run()
    expect(await ignored.over(10_000)).toBe('fin')
    expect(ignored.answers[0]?.status).toBe(404)
    expect(late.end).toBeNull()
    taken.find((socket) => socket.listenerCount('data') > 0)?.end('HTTP/1.1 418 Late\r\nContent-Length: 0\r\n\r\n')
    expect((await late.answered(1))[0]?.status).toBe(418)
    unmount()
    http.close()
    http.closeAllConnections()
  })
})

describe('a malformed request', () => {
  const large = { 'x-large': 'x'.repeat(20_000) }

  it("is answered by the server at its path, and by the application's clientError listener elsewhere", async () => {
    const http = createServer(app)
    const seen: string[] = []
    http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      seen.push(String(error.code))
      socket.end('HTTP/1.1 418 Its own\r\nContent-Length: 0\r\n\r\n')
    })
    await using server = await staged(http)
    for (const target of ['/realtime', '/realtime?a=b', 'http://host/realtime/'])
      expect(await answersTo(server.port, requestText('GET', target, large))).toEqual([
        [413, expect.stringContaining('"code":4413')],
      ])
    expect(seen).toEqual([])
    for (const text of [requestText('GET', '/', large), 'no HTTP at all\r\n\r\n', 'GET / HTTP/1.1\r\nb a d\r\n\r\n'])
      expect(await answersTo(server.port, text)).toEqual([[418, '']])
    expect(seen).toHaveLength(3)
    expect(seen[0]).toBe('HPE_HEADER_OVERFLOW')
  })

  it('is answered by the server on a connection whose last request it served', async () => {
    await using server = await staged(createServer(app))
    using raw = await RawTcp.open(server.port)
    await raw.write(postText({ session: randomSession(), wait: 0 }))
    await raw.answered(1)
    await raw.write('no HTTP at all\r\n\r\n')
    expect((await raw.answered(2))[1]?.body).toContain('"code":4400')
  })

  it('is answered by Node if the application has no listener, without CORS headers', async () => {
    await using server = await staged(createServer(app))
    for (const text of ['no HTTP at all\r\n\r\n', 'GET / HTTP/1.1\r\nb a d\r\n\r\n', requestText('GET', '/', large)]) {
      using raw = await RawTcp.open(server.port)
      await raw.write(text)
      expect(await raw.over(5000)).not.toBeNull()
      expect(raw.received.toString()).toMatch(/^HTTP\/1.1 4(00|31) /)
      expect(raw.received.toString()).not.toContain('Access-Control')
    }
  })
})

describe('a request with Expect: 100-continue', () => {
  it("is served at the server's path even if the application listens for checkContinue", async () => {
    const http = createServer(app)
    http.on('checkContinue', (_, response) => response.writeHead(418).end())
    await using server = await staged(http)
    const text = postText({ session: randomSession(), wait: 0 }, [], { Expect: '100-continue' })
    const answers = await answersTo(server.port, text, 2)
    expect(answers).toEqual([
      [100, ''],
      [200, expect.stringContaining('data: o{')],
    ])
    expect((await answersTo(server.port, requestText('GET', '/', { Expect: '100-continue' })))[0]?.[0]).toBe(418)
  })
})

describe('in a process in which a library replaces ServerResponse.prototype.writeHead', () => {
  function replaceWriteHead(over: (writeHead: () => unknown) => unknown): Disposable {
    const { writeHead } = ServerResponse.prototype
    ServerResponse.prototype.writeHead = function (this: ServerResponse, ...values: unknown[]) {
      return over(() => Reflect.apply(writeHead, this, values))
    } as typeof writeHead
    return {
      [Symbol.dispose]() {
        ServerResponse.prototype.writeHead = writeHead
      },
    }
  }

  it('by one without a return value, as Restify does, all answers are the same', async () => {
    using _ = replaceWriteHead((writeHead) => void writeHead())
    // Without a listener for it, Node answers by itself.
    const http = createServer().on('checkExpectation', () => {})
    await using server = await staged(http)
    expect(await answersTo(server.port, requestText('GET', '/'))).toEqual([[404, '']])
    expect(await answersTo(server.port, requestText('POST', '/realtime', { Expect: 'more', Connection: 'close' }))).toEqual([
      [417, ''],
    ])
    expect(await answersTo(server.port, requestText('GET', '/realtime'))).toEqual([[400, expect.stringContaining('4400')]])
    expect(await answersTo(server.port, postText({ session: randomSession(), wait: 0 }))).toEqual([
      [200, expect.stringContaining('data: o{')],
    ])
    await server.realtime.close({ drainMs: 0 })
    expect(await answersTo(server.port, requestText('GET', '/'))).toEqual([[404, '']])
    expect(server.errors).toEqual([])
  })

  it('by one that throws, the error is reported and the connection ends', async () => {
    await using server = await staged(createServer())
    {
      using _ = replaceWriteHead(() => {
        throw new Error('of the library')
      })
      for (const target of ['/', '/realtime']) {
        using raw = await RawTcp.open(server.port)
        await raw.write(requestText('GET', target))
        expect(await raw.over(5000)).not.toBeNull()
      }
    }
    expect(server.errors).toContainEqual(new Error('of the library'))
    expect(await answersTo(server.port, requestText('GET', '/'))).toEqual([[404, '']])
  })
})

describe('attach() and close()', () => {
  const traces = (http: Server) => [
    Object.getOwnPropertyNames(http),
    http.eventNames().map((name) => [name, ...http.listeners(name)]),
  ]

  it.each([
    [0, 1],
    [1, 0],
  ])('leave the HTTP server as it was before, in any order', async (first, second) => {
    const http = createServer(app)
    const before = traces(http)
    const servers = ['/one', '/two'].map((path) => new RealtimeServer({ path }))
    for (const server of servers) server.attach(http)
    expect(traces(http)).not.toEqual(before)
    await servers[first]?.close({ drainMs: 0 })
    await servers[second]?.close({ drainMs: 0 })
    expect(traces(http)).toEqual(before)
  })

  it('keep an emit() that was replaced after attach()', async () => {
    const http = createServer(app)
    await using server = await staged(http)
    const seen: unknown[] = []
    const { emit } = http
    http.emit = function (this: Server, type: string, ...values: unknown[]) {
      seen.push(type)
      return Reflect.apply(emit, this, [type, ...values])
    } as typeof emit
    await server.realtime.close({ drainMs: 0 })
    const text = requestText('GET', '/realtime')
    expect(await answersTo(server.port, text)).toEqual([[200, 'the application: GET /realtime ']])
    expect(seen).toContain('request')
    const again = new RealtimeServer()
    again.attach(http)
    expect(await answersTo(server.port, text)).toEqual([[400, expect.stringContaining('4400')]])
    await again.close({ drainMs: 0 })
    expect(await answersTo(server.port, text)).toEqual([[200, 'the application: GET /realtime ']])
  })

  it('leave a server without a request listener answering 404, until one is added', async () => {
    const http = createServer()
    await using server = await staged(http)
    await server.realtime.close({ drainMs: 0 })
    expect(await answersTo(server.port, requestText('GET', '/'))).toEqual([[404, '']])
    http.on('request', app)
    expect(await answersTo(server.port, requestText('GET', '/'))).toEqual([[200, 'the application: GET / ']])
  })

  /** Without its own listener for connections an HTTP server serves nothing. */
  function removeAllButNodes(http: Server): void {
    const own = http.listeners('connection')
    http.removeAllListeners()
    for (const listener of own) http.on('connection', listener as () => void)
  }

  it.each<[string, (http: Server) => unknown]>([
    ["removeAllListeners('upgrade')", (http) => http.removeAllListeners('upgrade')],
    ['removeAllListeners()', removeAllButNodes],
    ['off() for each', (http) => http.listeners('upgrade').map((listener) => http.off('upgrade', listener as () => void))],
    [
      'removeListener() for each',
      (http) => http.listeners('upgrade').map((listener) => http.removeListener('upgrade', listener as () => void)),
    ],
    [
      "removeAllListeners('upgrade') with a listener for removals",
      (http) => http.on('removeListener', () => {}).removeAllListeners('upgrade'),
    ],
  ])('serve WebSockets after the upgrade listeners were removed with %s', async (_, remove) => {
    const http = createServer(app)
    await using server = await staged(http)
    http.on('upgrade', () => {})
    remove(http)
    expect(await answersTo(server.port, upgradeText({ session: randomSession() }))).toEqual([[101, '']])
    expect(await answersTo(server.port, requestText('GET', '/other', websocket))).toEqual([[404, '']])
    await server.realtime.close({ drainMs: 0 })
    expect(http.listenerCount('upgrade')).toBe(0)
  })

  it('leave the return values of the methods that remove listeners as they were', async () => {
    const http = createServer(app)
    await using _ = await staged(http)
    const listener = () => {}
    expect(http.on('request', listener).off('request', listener)).toBe(http)
    expect(http.on('request', listener).removeListener('request', listener).listeners('request')).toEqual([app])
    expect(http.removeAllListeners('request').listenerCount('request')).toBe(0)
  })

  it('attach a server once, even if attach() is called twice', async () => {
    const http = createServer(app)
    await using server = await staged(http)
    server.realtime.attach(http)
    expect(await answersTo(server.port, upgradeText({ session: randomSession() }))).toEqual([[101, '']])
    await server.realtime.close({ drainMs: 0 })
    expect(await answersTo(server.port, requestText('GET', '/realtime'))).toEqual([[200, 'the application: GET /realtime ']])
  })
})

describe('an HTTP/2 server', () => {
  async function asked(origin: string, path: string, body: string | null): Promise<[unknown, string]> {
    const session = connectHttp2(origin, { rejectUnauthorized: false })
    try {
      const stream = session.request({ ':path': path, ':method': body === null ? 'GET' : 'POST' })
      stream.end(body ?? undefined)
      const [headers] = await once(stream, 'response')
      let text = ''
      for await (const chunk of stream) text += chunk
      return [headers[':status'], text]
    } finally {
      session.destroy()
    }
  }

  const hello = () => bodyOf({ session: randomSession(), wait: 0 })

  it.each([
    ['requests', () => createHttp2Server((_, response) => void response.end('the application')), 200, 'the application'],
    [
      'streams',
      () =>
        createHttp2Server().on('stream', (stream) => {
          stream.respond({ ':status': 200 })
          stream.end('the application')
        }),
      200,
      'the application',
    ],
    ['nothing', () => createHttp2Server(), 404, ''],
  ])('is served beside an application that listens for %s', async (_, make, status, body) => {
    await using server = await staged(make())
    const origin = `http://127.0.0.1:${server.port}`
    expect(await asked(origin, '/realtime/', hello())).toEqual([200, expect.stringContaining('data: o{')])
    expect(await asked(origin, '/realtime', null)).toEqual([400, expect.stringContaining('4400')])
    expect(await asked(origin, '/other', null)).toEqual([status, body])
    expect(server.errors).toEqual([])
  })

  it('serves WebSockets as well with allowHTTP1', async (context) => {
    await want(context, 'openssl')
    await using certificates = await makeCertificates()
    const pair = await certificates.issue('127.0.0.1')
    await using server = await staged(createSecureServer({ ...pair, allowHTTP1: true }, (_, response) => void response.end()))
    const origin = `https://127.0.0.1:${server.port}`
    expect(await asked(origin, '/realtime', hello())).toEqual([200, expect.stringContaining('data: o{')])
    const token = Buffer.from(JSON.stringify(helloOf({ session: randomSession() }))).toString('base64url')
    const socket = new WebSocket(`${origin.replace('https', 'wss')}/realtime`, ['steadfast.v1', `s.${token}`], {
      rejectUnauthorized: false,
    })
    const [frame] = await once(socket, 'message')
    expect(String(frame)).toMatch(/^o\{/)
    socket.terminate()
  })
})

describe('attach() throws a TypeError that names what to pass, for', () => {
  const koa = { listen() {}, callback() {}, on() {}, emit() {} }
  /** It has the members of the server that it holds, but its own events. */
  const restify = Object.assign(new EventEmitter(), { server: createServer(), maxHeadersCount: null, listen() {}, address() {} })
  const polka = { server: undefined, handler() {}, listen: () => polka, use() {} }
  const nextApplication = {
    getRequestHandler() {},
    prepare() {},
    get server() {
      throw new Error('prepare() must be called before performing this operation')
    },
  }
  it.each([
    ['undefined', undefined, 'undefined: pass what createServer() or app.listen() returned'],
    ['a string, as Fastify resolves', 'http://127.0.0.1', 'a string'],
    ['an express application', Object.assign(() => {}, { listen() {}, on() {}, emit() {} }), 'pass what app.listen() returned'],
    ['a koa application', koa, 'pass what app.listen() returned'],
    ['a request listener', app, 'a function: pass createServer(it)'],
    ['a Fastify instance', fastify(), 'pass its `server`'],
    ['a Restify server', restify, 'what holds one: pass its `server`'],
    ['a Polka application', polka, 'an application of Polka: pass its `server` once it listens, or createServer(app.handler)'],
    ['a Polka application that listens', { ...polka, server: createServer() }, 'pass its `server`'],
    ['a Hono application', new Hono(), 'pass what serve() of @hono/node-server returned'],
    [
      'a Nest application',
      { getHttpServer() {}, httpServer: createServer(), listen() {}, close() {} },
      'pass app.getHttpServer()',
    ],
    ['a Next application', nextApplication, 'hands its requests to app.getRequestHandler()'],
    ['a Vite server', { httpServer: createServer(), middlewares() {}, listen() {} }, 'pass its `httpServer`'],
    ['a Vite server in middleware mode', { httpServer: null, middlewares() {}, listen() {} }, 'middleware mode'],
    ['a Hapi server', { listener: createServer(), route() {} }, 'pass its `listener`'],
    ['a TCP server', createNetServer(), 'plain TCP'],
    ['a promise', Promise.resolve(), 'a promise: await it'],
    ['the RealtimeServer', new RealtimeServer(), 'an object'],
  ])('%s', (_, given, told) => {
    const attach = () => Reflect.apply(RealtimeServer.prototype.attach, new RealtimeServer(), [given])
    expect(attach).toThrow(TypeError)
    expect(attach).toThrow(told)
    expect(attach).toThrow(/^RealtimeServer: attach\(\) takes a server of node:http, node:https or node:http2; it was /)
  })
})
