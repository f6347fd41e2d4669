import { createServer, type RequestListener, type Server } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { RealtimeServer } from '../../src/server/index.ts'
import { nodeHost } from '../../src/server/node/process-host.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { bodyOf, RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { postText, RawTcp, requestText } from '../support/raw-tcp.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import type { HelloOptions } from '../support/server-bench.ts'

interface Served extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly errors: readonly unknown[]
  readonly server: RealtimeServer
}

/** Starts a server that is attached to `http`, or called by the request listener that `listen` creates. */
async function serve(
  options: RealtimeServerOptions = {},
  {
    http = createServer(),
    listen,
  }: { readonly http?: Server; readonly listen?: (server: RealtimeServer) => RequestListener } = {},
): Promise<Served> {
  const errors: unknown[] = []
  const server = new RealtimeServer({ onError: (error) => errors.push(error), ...options })
  if (listen) http.on('request', listen(server))
  else server.attach(http)
  const port = await listenOnLoopback(http)
  return {
    url: `http://127.0.0.1:${port}/realtime`,
    port,
    errors,
    server,
    async [Symbol.asyncDispose]() {
      await server.close({ drainMs: 0 })
      http.close()
      http.closeAllConnections()
    },
  }
}

describe('a held response', () => {
  it.each([0, 5000])(
    'is not ended by the timeouts of Node, which apply again once it is complete (keepAliveTimeout %i)',
    async (keepAlive) => {
      const http = createServer({ requestTimeout: 300, headersTimeout: 200, connectionsCheckingInterval: 100 })
      http.timeout = 300
      http.keepAliveTimeout = keepAlive
      await using served = await serve({}, { http })
      const stream = await new RawStream(served.url, { session: randomSession() }).opened()
      const session = randomSession()
      using raw = await RawTcp.open(served.port)
      await raw.write(postText({ session, wait: 0, turn: 1 }))
      const [open] = await raw.answered(1)
      const epoch = /"epoch":"([\w-]+)"/.exec(open?.body ?? '')?.[1]
      await raw.write(postText({ session, k: 1, wait: 1200, turn: 1, cursor: `0.0~${epoch}` }))
      const [, held] = await raw.answered(2, 5000)
      expect(held?.status).toBe(200)
      expect(raw.end).toBeNull()
      expect(stream.isOver).toBe(false)
      // The connection is idle now, so Node's timeouts close it.
      expect(await raw.over(keepAlive === 0 ? 5000 : 9000)).not.toBeNull()
      expect(stream.isOver).toBe(false)
      stream.hangUp()
    },
  )

  it('is not ended by the timeout of the HTTP server while authenticate() is pending', async () => {
    const http = createServer()
    http.timeout = 200
    const authenticate = () => sleep(700).then(() => ({ id: 'ann' }))
    await using served = await serve(
      { authenticate, limits: { authenticateTimeoutMs: Infinity, bodyTimeoutMs: Infinity } },
      { http },
    )
    const answer = await rawPost(served.url, { session: randomSession(), wait: 0 })
    expect(answer.status).toBe(200)
  })
})

describe('a response that the client does not read', () => {
  it('is destroyed after its socket has accepted no data for the timeout', async () => {
    const host = nodeHost(undefined)
    const http = createServer()
    const hurried = { ...host, after: (delayMs: number, run: () => void) => host.after(delayMs / 50, run) }
    await using served = await serve({ host: hurried }, { http })
    const session = randomSession()
    const first = await new RawSocket(served.url, { session, turn: 1 }).opened()
    const there = await served.server.session(session)
    for (let n = 0; n < 64; n += 1) await there?.send('x'.repeat(65_536))
    using raw = await RawTcp.open(served.port)
    raw.pause()
    // The first responses fit into the socket buffers of the system.
    await raw.write(postText({ session, k: 2, wait: 0 }).repeat(16))
    first.socket.terminate()
    const connections = () => new Promise<number>((resolve) => http.getConnections((_, count) => resolve(count)))
    expect(await connections()).toBeGreaterThan(0)
    for (const deadline = performance.now() + 8000; (await connections()) > 0; await sleep(20))
      if (performance.now() > deadline) throw new Error('the connection is held')
  })
})

describe('pipelined requests', () => {
  it('are handled one after the other, and answered in order', async () => {
    const asked: number[] = []
    let running = 0
    let most = 0
    const authenticate = async (_: unknown, auth: unknown) => {
      running += 1
      most = Math.max(most, running)
      await sleep(5)
      running -= 1
      asked.push(Number(auth))
      return { id: 'ann' }
    }
    await using served = await serve({ authenticate })
    using raw = await RawTcp.open(served.port)
    const texts = Array.from({ length: 60 }, (_, n) => postText({ session: randomSession(), wait: 0, auth: n }))
    await raw.write(texts.join(''))
    const answers = await raw.answered(60)
    expect(answers.map(({ status }) => status)).toEqual(texts.map(() => 200))
    expect(asked).toEqual(texts.map((_, n) => n))
    expect(most).toBe(1)
  })

  it('are not read from the socket while a response is held', async () => {
    let asked = 0
    const authenticate = () => {
      asked += 1
      return { id: 'ann' }
    }
    await using served = await serve({ authenticate })
    using raw = await RawTcp.open(served.port)
    await raw.write(postText({ session: randomSession() }))
    await raw.answered(1)
    const poll = postText({ session: randomSession(), wait: 0 })
    for (let count = 0; count < 3; count += 1) {
      await raw.write(poll)
      await sleep(30)
    }
    const before = raw.socket.bytesWritten
    // More than the socket buffers of the system hold.
    void raw.write(poll.repeat(200_000))
    await sleep(500)
    expect(asked).toBe(1)
    expect(raw.socket.writableLength).toBeGreaterThan(0)
    expect(before).toBeGreaterThan(0)
    const other = await rawPost(served.url, { session: randomSession(), wait: 0 })
    expect(other.status).toBe(200)
  })
})

const express: ExpressModule = createRequire(import.meta.url)('express')
interface ExpressApp extends RequestListener {
  use(...handlers: unknown[]): ExpressApp
}
interface ExpressModule {
  (): ExpressApp
  json(options?: object): unknown
  text(options?: object): unknown
  raw(options?: object): unknown
  urlencoded(options?: object): unknown
}
interface Parsed {
  readonly body?: unknown
}

describe('handleRequest() behind body parsers', () => {
  const behind =
    (...parsers: unknown[]) =>
    (server: RealtimeServer): RequestListener => {
      const app = express()
      for (const parser of parsers) app.use(parser)
      return app.use((request: Parsed, response: unknown) =>
        Reflect.apply(server.handleRequest, server, [request, response, request.body]),
      )
    }
  /** Like `json()` of Express 4, which sets `request.body` to `{}` if it has not read the body. */
  const express4 = (request: { body?: unknown }, _: unknown, next: () => void) => {
    request.body ??= {}
    next()
  }

  it.each<[string, unknown[]]>([
    ['none', []],
    ['json()', [express.json()]],
    ['json() of Express 4', [express4]],
    ['urlencoded()', [express.urlencoded({ extended: true })]],
    ['text()', [express.text()]],
    ['raw()', [express.raw({ type: '*/*' })]],
    ['all of them', [express.json(), express.urlencoded({ extended: false }), express.text({ type: '*/*' }), express4]],
  ])('serves a stream and a POST (%s)', async (_, parsers) => {
    await using served = await serve({}, { listen: behind(...parsers) })
    const session = randomSession()
    const stream = await new RawStream(served.url, { session }).opened()
    expect(await rawSend(served.url, { session }, 'M[1,"x"]')).toMatchObject({ status: 200, taken: 1 })
    stream.hangUp()
    expect(served.errors).toEqual([])
  })

  it('accepts a hello that was parsed as JSON', async () => {
    await using served = await serve({}, { listen: behind(express.json({ type: '*/*' })) })
    expect((await rawPost(served.url, { session: randomSession(), wait: 0 })).status).toBe(200)
    expect(served.errors).toEqual([])
  })

  it.each<[string, unknown[]]>([
    ['an object', [express.urlencoded({ type: '*/*', extended: false })]],
    [
      'an array',
      [
        express.text({ type: '*/*' }),
        (request: { body?: unknown }, _: unknown, next: () => void) => {
          request.body = [request.body]
          next()
        },
      ],
    ],
  ])('answers %s instead of the text with 500 and the remedy, and reports it to onError once', async (_, parsers) => {
    await using served = await serve({}, { listen: behind(...parsers) })
    for (let round = 0; round < 3; round += 1) {
      const answer = await rawPost(served.url, { session: randomSession(), wait: 0 })
      expect(answer.status).toBe(500)
      expect(await answer.json()).toMatchObject({ code: 4500, reason: expect.stringContaining('handleRequest() needs its text') })
    }
    expect(served.errors).toHaveLength(1)
    expect(String(served.errors[0])).toContain("express.text({ type: '*/*' })")
  })

  it('refuses a body that is too large with 413', async () => {
    const limits = { maxMessageBytes: 100 }
    await using served = await serve({ limits }, { listen: behind(express.text({ type: '*/*' })) })
    const answer = await rawPost(served.url, { session: randomSession(), send: true }, [`M[1,"${'x'.repeat(2000)}"]`])
    expect(answer.status).toBe(413)
  })
})

describe('a server over HTTP/2', () => {
  interface Answer {
    readonly status: number
    readonly headers: Readonly<Record<string, unknown>>
    readonly text: string
  }

  async function open(options: RealtimeServerOptions = {}) {
    const errors: unknown[] = []
    const warnings: unknown[] = []
    const onWarning = (warning: unknown) => warnings.push(warning)
    process.on('warning', onWarning)
    const server = new RealtimeServer({ onError: (error) => errors.push(error), ...options })
    const http = createHttp2Server((request, response) => server.handleRequest(request, response))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const address = http.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const client = connect(`http://127.0.0.1:${port}`)
    client.on('error', () => {})
    const post = (body: string, headers: Readonly<Record<string, string>> = {}, method = 'POST') => {
      const stream = client.request({ ':method': method, ':path': '/realtime', ...headers })
      stream.on('error', () => {})
      stream.end(method === 'POST' ? body : undefined)
      return stream
    }
    return {
      server,
      port,
      post,
      errors,
      warnings,
      client,
      async ask(hello: HelloOptions | string, headers: Readonly<Record<string, string>> = {}, method = 'POST'): Promise<Answer> {
        const stream = post(bodyOf(hello), headers, method)
        const answered: Record<string, unknown>[] = []
        stream.on('response', (given) => answered.push(given))
        let text = ''
        for await (const chunk of stream) text += chunk
        const [given = {}] = answered
        return { status: Number(given[':status']), headers: given, text }
      },
      async [Symbol.asyncDispose]() {
        client.destroy()
        await server.close({ drainMs: 0 })
        http.close()
        process.off('warning', onWarning)
      },
    }
  }

  it('serves polls, and refuses requests without setting a header that HTTP/2 forbids', async () => {
    await using served = await open({ limits: { maxMessageBytes: 1000 } })
    expect(await served.ask({ session: randomSession(), wait: 0 })).toMatchObject({
      status: 200,
      text: expect.stringContaining('data: o{'),
    })
    expect(await served.ask('no hello')).toMatchObject({ status: 400, text: expect.stringContaining('"code":4400') })
    expect(await served.ask('', {}, 'GET')).toMatchObject({ status: 400 })
    expect(await served.ask(`{}\n${'x'.repeat(300_000)}`)).toMatchObject({ status: expect.toSatisfy((status) => status >= 400) })
    await sleep(50)
    expect([served.errors, served.warnings]).toEqual([[], []])
  })

  it('allows its own origin, which it takes from `:authority`, and refuses others', async () => {
    await using served = await open()
    const statusOf = async (origin: string) => (await served.ask({ session: randomSession(), wait: 0 }, { origin })).status
    expect(await statusOf(`http://127.0.0.1:${served.port}`)).toBe(200)
    expect(await statusOf('https://evil.example')).toBe(403)
  })

  it('[SP11] sends every message to a client that stops reading and continues later', async () => {
    await using served = await open({ onSession: (session) => session.subscribe('news').then(() => {}) })
    const stream = served.post(bodyOf({ session: randomSession(), turn: 1 }))
    let text = ''
    stream.on('data', (chunk) => {
      text += chunk
    })
    await until(() => text.includes('"topic":"news"'), 'it was never subscribed')
    stream.pause()
    for (let n = 0; n < 60; n += 1) await served.server.publish('news', `${n}:${'x'.repeat(100_000)}`)
    await sleep(100)
    stream.resume()
    // The stream continues where it stopped: no message is missing.
    await until(() => text.includes('59:x'), 'the last never came')
    for (let n = 0; n < 60; n += 1) expect(text).toContain(`"${n}:x`)
    expect(text).not.toContain('data: g{')
    stream.destroy()
  })

  it('continues to serve after streams are reset at any time', async () => {
    await using served = await open({ authenticate: () => sleep(5).then(() => ({ id: 'ann' })) })
    for (let n = 0; n < 40; n += 1) {
      const stream = served.post(bodyOf({ session: randomSession(), ...(n % 2 ? { wait: 0 } : {}) }))
      await sleep(n % 8)
      stream.close(8)
    }
    expect(await served.ask({ session: randomSession(), wait: 0 })).toMatchObject({ status: 200 })
    expect(served.errors).toEqual([])
  })

  it('frees the place of a stream that is reset while its client is authenticated', async () => {
    await using served = await open({ authenticate: () => sleep(40).then(() => ({ id: 'ann' })) })
    const session = randomSession()
    for (let n = 0; n < 12; n += 1) {
      const stream = served.post(bodyOf({ session, wait: 0 }))
      await sleep(10)
      stream.close(8)
    }
    await sleep(150)
    expect(await served.ask({ session, wait: 0 })).toMatchObject({ status: 200 })
    expect(served.errors).toEqual([])
  })
})

describe('[SP13] protection of other clients', () => {
  it('limits the rate of diagnosis requests for each address', async () => {
    await using served = await serve({ addressOf: ({ headers }) => headers['x-address']?.toString() })
    const ask = async (address: string) => {
      const answer = await fetch(`${served.url}?diagnose=x`, { headers: { 'X-Address': address } })
      await answer.text()
      return answer.status
    }
    const statuses = await Promise.all(Array.from({ length: 200 }, () => ask('203.0.113.7')))
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    expect(await ask('203.0.113.8')).toBe(200)
    expect((await fetch(`${served.url}?diagnose=x`)).status).toBe(200)
  })

  it('counts attachments that are still opening against attachmentsPerSession', async () => {
    const release: (() => void)[] = []
    const onSession = () => new Promise<void>((resolve) => release.push(resolve))
    await using servers = await RealtimeServers.start({ options: { onSession, limits: { attachmentsPerSession: 3 } } })
    const session = randomSession()
    const sockets = Array.from({ length: 12 }, (_, n) => new RawSocket(servers.url(), { session, k: n + 1 }))
    await until(() => sockets.filter(({ isOver }) => isOver).length >= 9, 'none of them was refused')
    expect(sockets.filter(({ close }) => close?.code === 4429)).toHaveLength(9)
    for (const each of release) each()
    for (const { socket } of sockets) socket.terminate()
  })

  it('reports an addressOf() that throws, and serves the client', async () => {
    await using served = await serve({
      addressOf() {
        throw new Error('broken')
      },
    })
    expect((await rawPost(served.url, { session: randomSession(), wait: 0 })).status).toBe(200)
    await new RawSocket(served.url, { session: randomSession() }).opened().then(({ socket }) => socket.terminate())
    expect(String(served.errors[0])).toContain('broken')
  })
})

describe('a keep-alive connection', () => {
  it('serves the next request after the refusal of one without a body', async () => {
    await using served = await serve()
    using raw = await RawTcp.open(served.port)
    await raw.write(requestText('GET', '/realtime') + postText({ session: randomSession(), wait: 0 }))
    expect((await raw.answered(2)).map(({ status }) => status)).toEqual([400, 200])
  })

  it('delivers a refusal to a client that is still sending its body', async () => {
    await using served = await serve({ limits: { maxMessageBytes: 1000 } })
    using raw = await RawTcp.open(served.port)
    await raw.write(requestText('POST', '/realtime', { 'Content-Length': '3000000' }))
    const writing = raw.write('x'.repeat(2_000_000))
    expect((await raw.answered(1))[0]?.status).toBe(413)
    await writing
    expect(await raw.over(5000)).toBe('fin')
  })
})
