import { createServer } from 'node:http'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { session } from '../../src/session/index.ts'
import { want } from '../support/equipment.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { startNginx } from '../support/readme-nginx.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { watchClient } from '../support/watched-client.ts'

type Headers = Readonly<Record<string, string>>

/** Attaches over each transport, as a page would; returns the result of each: `open`, or the code of the refusal. */
async function attachments(url: string, headers: Headers): Promise<Readonly<Record<string, unknown>>> {
  const socket = new RawSocket(url, { session: randomSession() }, { headers })
  const session = randomSession()
  const stream = new RawStream(url, { session }, [], { headers })
  const whole = async (wait: number) => {
    const response = await rawPost(url, { session: randomSession(), wait }, [], { headers })
    return response.ok ? ((await response.text()).startsWith('data: o') ? 'open' : 'else') : (await response.json()).code
  }
  await until(() => [socket, stream].every(({ frames, isOver }) => frames.length > 0 || isOver))
  const became = { websocket: socket.close?.code ?? 'open', sse: stream.close?.code ?? 'open' }
  const sent = await rawPost(url, { session, send: true }, ['M[1,"x"]'], { headers })
  const answer = await sent.json()
  socket.socket.terminate()
  stream.hangUp()
  return { ...became, sending: answer.taken === 1 ? 'open' : answer.code, 'long-poll': await whole(50), poll: await whole(0) }
}

const allOpen = { websocket: 'open', sse: 'open', sending: 'open', 'long-poll': 'open', poll: 'open' }
const allRefused = { websocket: 4403, sse: 4403, sending: 4403, 'long-poll': 4403, poll: 4403 }

/** The default configuration of nginx, with what WebSockets need and the lines `more`. */
function nginxFor(port: number, more = ''): string {
  return `
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    server {
      listen 80;
      location / {
        proxy_pass http://127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        ${more}
      }
    }`
}

describe('[SP13] a server behind nginx on another port', () => {
  const stops: (() => Promise<void>)[] = []
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })
  beforeEach((context) => want(context, 'nginx'))

  async function start(options: RealtimeServerOptions | ((origin: string) => RealtimeServerOptions), lines?: string) {
    const server = createServer()
    const port = await listenOnLoopback(server)
    // nginx has to run before the server half is created, whose options contain the public origin.
    const nginx = await startNginx(nginxFor(port, lines))
    stops.push(() => nginx.close())
    const { RealtimeServer } = await import('../../src/server/index.ts')
    const errors: unknown[] = []
    const own = typeof options === 'function' ? options(nginx.origin) : options
    const realtime = new RealtimeServer({ onError: (error) => errors.push(error), ...own })
    realtime.attach(server)
    stops.push(async () => {
      await realtime.close({ drainMs: 0 })
      server.closeAllConnections()
      server.close()
    })
    return { origin: nginx.origin, url: `${nginx.origin}/realtime`, errors, port }
  }

  it.each<[string, RealtimeServerOptions | ((origin: string) => RealtimeServerOptions), string, Headers]>([
    ['a browser that says same-origin', {}, '', { 'Sec-Fetch-Site': 'same-origin' }],
    ['Host $http_host', {}, 'proxy_set_header Host $http_host;', {}],
    ['publicOrigins', (origin) => ({ publicOrigins: [origin] }), '', {}],
    ['origins', (origin) => ({ origins: [origin] }), '', {}],
    [
      'X-Forwarded-Host of a trusted proxy',
      { trustProxy: 'loopback' },
      'proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;',
      {},
    ],
    [
      'X-Forwarded-Port of a trusted proxy',
      { trustProxy: 1 },
      'proxy_set_header Host $host; proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Forwarded-Proto $scheme;',
      {},
    ],
  ])('accepts its own pages with %s', async (_, options, lines, headers) => {
    const { origin, url, errors } = await start(options, lines)
    expect(await attachments(url, { Origin: origin, Cookie: 'a=b', ...headers })).toEqual(allOpen)
    expect(errors).toEqual([])
  })

  it('refuses pages of other origins, and reports once per origin what it compared and what to set', async () => {
    const { origin, url, errors, port } = await start({})
    expect(await attachments(url, { Origin: origin })).toEqual(allRefused)
    for (const site of ['cross-site', 'same-site', 'none'])
      expect(await attachments(url, { Origin: 'https://evil.example', 'Sec-Fetch-Site': site })).toEqual(allRefused)
    expect(errors).toHaveLength(2)
    for (const part of [origin, `http://127.0.0.1:${port}`, '$http_host', 'publicOrigins', 'trustProxy'])
      expect(String(errors[0])).toContain(part)
    const reason = `the origin ${origin} is not this server's (http://127.0.0.1:${port}); add it to \`origins\``
    const socket = new RawSocket(url, { session: randomSession() }, { headers: { Origin: origin } })
    expect(await socket.over()).toEqual({ code: 4403, reason })
    const refused = await rawPost(url, { session: randomSession() }, [], { headers: { Origin: origin } })
    expect(await refused.json()).toMatchObject({ code: 4403, reason })
  })

  it('warns once that the proxy is not trusted', async () => {
    const { url, errors } = await start({}, 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;')
    for (let n = 0; n < 3; n += 1) await (await rawPost(url, { session: randomSession(), wait: 0 })).text()
    expect(errors).toHaveLength(1)
    expect(String(errors[0])).toContain("trustProxy: '127.0.0.1'")
  })

  it('counts clients by the address that nginx sees, not by the X-Forwarded-For that they send', async () => {
    const { url } = await start(
      { trustProxy: 'loopback', limits: { attachmentsPerSecondPerAddress: 1 } },
      'proxy_set_header X-Forwarded-For "$http_x_forwarded_for, 203.0.113.7";',
    )
    const statuses: number[] = []
    for (let n = 0; n < 12; n += 1) {
      const headers = { 'X-Forwarded-For': `198.51.100.${n}`, Via: '1.1 me' }
      statuses.push((await rawPost(url, { session: randomSession(), wait: 0 }, [], { headers })).status)
    }
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200])
    expect(statuses).toContain(429)
  })
})

describe("[SP13] a server behind Vite's proxy with changeOrigin", () => {
  it('accepts pages for which the browser sends Sec-Fetch-Site: same-origin, and refuses others', async () => {
    await using servers = await RealtimeServers.start()
    const { createServer: createVite } = await import('vite')
    const vite = await createVite({
      configFile: false,
      logLevel: 'silent',
      root: 'test/support',
      cacheDir: '/tmp/vite-cache-of-a-test',
      server: {
        port: 0,
        host: '127.0.0.1',
        hmr: false,
        watch: null,
        proxy: { '/realtime': { target: new URL(servers.url()).origin, changeOrigin: true, ws: true } },
      },
    })
    await vite.listen()
    try {
      const address = vite.httpServer?.address()
      const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
      const headers = { Origin: origin, Cookie: 'a=b' }
      const url = `${origin}/realtime`
      expect(await attachments(url, { ...headers, 'Sec-Fetch-Site': 'same-origin' })).toEqual(allOpen)
      expect(await attachments(url, { ...headers, Origin: 'https://evil.example' })).toEqual(allRefused)
    } finally {
      await vite.close()
    }
  })
})

describe('[SP13] the limit per address', () => {
  const addressOf = () => '203.0.113.7'

  it('allows 40 long-polling clients at one address an answer for each message', async () => {
    await using servers = await RealtimeServers.start({
      options: { addressOf, onSession: (session) => session.subscribe('news') },
    })
    const clients = Array.from({ length: 40 }, () =>
      watchClient(servers.url(), { protocol: session(), transports: ['long-poll'] }),
    )
    try {
      for (const { nth } of clients) await nth('open', 1, 20_000)
      for (let n = 0; n < 12; n += 1) {
        await servers.server().publish('news', `message ${n}`)
        for (const { nth } of clients) await nth('message', n + 1, 20_000)
      }
      // Each client got an answer for each message: three times as many requests as the limit allows at once.
      expect(clients.flatMap(({ of }) => of('error'))).toEqual([])
    } finally {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    }
  })

  it('allows a client of an event stream to send 200 messages at once, each in its own POST', async () => {
    await using servers = await RealtimeServers.start({ options: { addressOf } })
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    for (let n = 1; n <= 200; n += 1)
      expect(await rawSend(servers.url(), { session, turn: 1 }, `M[${n},"x"]`)).toMatchObject({ status: 200, taken: n })
    stream.hangUp()
  })

  it('counts attachments that present the cursor of an unknown session, and refused requests', async () => {
    await using servers = await RealtimeServers.start({
      options: { addressOf, authenticate: (_, auth) => (auth === 'no' ? null : { id: 'ann' }) },
    })
    const codesOf = async (times: number, hello: () => object) => {
      const codes = Array.from({ length: times }, async () => {
        const response = await rawPost(servers.url(), hello())
        return response.ok ? 200 : ((await response.json()) as { code: number }).code
      })
      return (await Promise.all(codes)).filter((code) => code === 4429).length
    }
    expect(await codesOf(150, () => ({ session: randomSession(), wait: 0, turn: 7, cursor: '0.5~e' }))).toBeGreaterThan(0)
    expect(await codesOf(150, () => ({ session: randomSession(), send: true, auth: 'no' }))).toBeGreaterThan(100)
    const session = randomSession()
    expect(await codesOf(150, () => ({ session, send: true, auth: 'no' }))).toBeGreaterThan(100)
  })
})
