import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import * as kafka from '@platformatic/kafka'
import { Window } from 'happy-dom'
import { Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { RealtimeClient as CoreClient, type RealtimeOptions as CoreOptions, webSocket } from '../../src/core.ts'
import * as remedies from '../../src/diagnosis/remedies.ts'
import {
  type ClientState,
  type CodecWhereNeeded,
  json,
  RealtimeClient,
  type RealtimeEvent,
  type RealtimeOptions,
  StopConnecting,
} from '../../src/index.ts'
import { type BridgeSettings, bridgeSettings } from '../../src/kafka/bridge-options.ts'
import {
  type KafkaBridgeOptions,
  type KafkaTopicsOptions,
  platformaticConsumer,
  platformaticKafka,
} from '../../src/kafka/index.ts'
import { topicsSettings } from '../../src/kafka/topics-options.ts'
import * as protocols from '../../src/protocols/index.ts'
import { type RedisStore, redisStore } from '../../src/redis/index.ts'
import * as serverModule from '../../src/server/index.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import type { ContractCase, OpenedSessionStore, OpenedTopicLog } from '../../src/server/testing/index.ts'
import * as contracts from '../../src/server/testing/index.ts'
import { RequestError, session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { SockJS, sockjs } from '../../src/sockjs/index.ts'
import { startBetterSse } from '../support/better-sse-server.ts'
import { startCentrifugo } from '../support/centrifugo.ts'
import { type DurableStreams, startDurableStreams } from '../support/durable-streams.ts'
import { sessionsWithLives, topicsWithLives } from '../support/engine-with-lives.ts'
import { type Equipment, want } from '../support/equipment.ts'
import { FakeTab } from '../support/fake-tab.ts'
import { localTabs } from '../support/local-tabs.ts'
import { startMercure } from '../support/mercure.ts'
import { startNchan } from '../support/nchan.ts'
import { startProxy } from '../support/proxies.ts'
import { documentation, pages, pagesIn, type Snippet, snippetNamed as snippet, snippetsOf } from '../support/readme.ts'
import { runSnippet, typeErrorsOf } from '../support/readme-run.ts'
import { type ReadmeServer, startReadmeServer } from '../support/readme-server.ts'
import { type SessionServers, startSessionServers } from '../support/readme-session.ts'
import { jestSnippet, testedRoom, testedSnippet, vitestSnippets } from '../support/readme-testing.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedis } from '../support/redis-server.ts'
import { startReferenceServer } from '../support/reference-server.ts'
import { startSockjs } from '../support/sockjs-server.ts'
import { nodeHost } from '../support/watched-client.ts'

const snippets = snippetsOf(documentation)
const {
  name: packageName,
  scripts,
  peerDependencies,
} = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

let server: ReadmeServer
const clients: RealtimeClient<never, never>[] = []

beforeAll(async () => {
  server = await startReadmeServer(snippet('server'))
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  server.refuseUpgrades(false)
})
afterAll(() => server.close())

/** The package as a page at this origin imports it, except that its clients reconnect sooner. */
function packageAt(origin: string, more: RealtimeOptions<never, never> = {}) {
  class Client<In, Out> extends RealtimeClient<In, Out> {
    constructor(url: string, options: RealtimeOptions<In, Out> = {}) {
      const host = { ...nodeHost, baseUrl: `${origin}/`, ...(more as { host?: object }).host, ...options.host }
      const all = { retry: { minDelayMs: 100 }, ...(more as object), ...options, host }
      super(url, all as RealtimeOptions<In, Out> & CodecWhereNeeded<In, Out>)
      clients.push(this as unknown as RealtimeClient<never, never>)
    }
  }
  class Core extends CoreClient {
    constructor(url: string, options: CoreOptions) {
      super(url, { ...options, host: { ...nodeHost, baseUrl: `${origin}/` } })
      clients.push(this as unknown as RealtimeClient<never, never>)
    }
  }
  return {
    steadfast: { RealtimeClient: Client, json, StopConnecting },
    'steadfast/core': { RealtimeClient: Core, webSocket },
    'steadfast/session': { RequestError, session },
    'steadfast/shared': { shared },
    'steadfast/protocols': protocols,
    'steadfast/remedies': remedies,
  }
}

/** Runs a snippet that creates a client; returns the client and the messages that it receives. */
async function clientOf(name: string, origin: string, scope = {}, more: RealtimeOptions<never, never> = {}) {
  const { steadfast, ...others } = packageAt(origin, more)
  await runSnippet(snippet(name), { ...others, steadfast: { ...steadfast, plain: protocols.plain } }, scope)
  const client = clients.at(-1) as unknown as RealtimeClient<unknown, unknown>
  return { client, ...watch(client) }
}

function watch(client: RealtimeClient<unknown, unknown>) {
  const data: unknown[] = []
  const opens: RealtimeEvent<'open'>[] = []
  // Without an error listener a client that closes for good logs that to the console.
  client.on('error', () => {})
  client.on('message', (event) => data.push(event.data))
  client.on('open', (event) => opens.push(event))
  return { data, opens, textsOf: () => data.map((each) => JSON.parse(String(each)).text) }
}

function sessionOf(servers: SessionServers, options: RealtimeOptions<unknown, string>) {
  const { RealtimeClient: Client } = packageAt(servers.origins[0] ?? '').steadfast
  const client = new Client<unknown, string>('/realtime', { ...options, protocol: session() })
  return { client, ...watch(client as unknown as RealtimeClient<unknown, unknown>) }
}

/** `steadfast/sockjs` as a page at this origin imports it. */
function sockjsAt(origin: string) {
  class Here extends SockJS {
    constructor(url: string, protocols?: string) {
      super(url, protocols, { host: { ...nodeHost, baseUrl: `${origin}/` } })
    }
  }
  return { 'steadfast/sockjs': { SockJS: Here, sockjs } }
}

const httpAndWebSocket = ['websocket', 'sse', 'long-poll'] as const

async function everyTransportEchoes(servers: SessionServers): Promise<void> {
  for (const name of httpAndWebSocket) {
    const { client, data } = sessionOf(servers, { transports: [name] })
    client.send(`over ${name}`)
    await until(() => data.length === 1)
    expect(data).toEqual([`over ${name}`])
  }
  expect(servers.errors).toEqual([])
}

const tests: Readonly<Record<string, () => void | Promise<void>>> = {
  install() {
    expect(snippet('install').code).toBe(`npm install ${packageName}\nnpm install ws\n`)
    expect(Object.keys(peerDependencies)).toContain('ws')
    for (const each of ['redis', 'ioredis']) expect(Object.keys(peerDependencies)).toContain(each)
  },

  async 'script-tag'() {
    const { document } = new Window()
    document.body.innerHTML = snippet('script-tag').code
    const [loader, user] = [...document.querySelectorAll('script')]
    expect([loader?.getAttribute('crossorigin'), loader?.getAttribute('integrity')]).toEqual([
      'anonymous',
      expect.stringMatching(/^sha384-/),
    ])
    const log = vi.fn()
    const { steadfast: Steadfast } = packageAt(server.origin)
    const code = user?.textContent ?? ''
    await runSnippet({ name: 'script-tag', language: 'js', code }, {}, { Steadfast, console: { log } })
    await until(() => clients.at(-1)?.state.status === 'open')
    await server.publish('hello')
    await until(() => String(log.mock.calls).includes('hello'))
  },

  async 'first-server'() {
    expect(linesOf('first-server')).toBeLessThanOrEqual(10)
    await using servers = await startSessionServers(snippet('first-server'))
    const all = httpAndWebSocket.map((name) => sessionOf(servers, { transports: [name] }))
    await until(() => all.every(isOpen))
    for (const [index, { client }] of all.entries()) {
      client.send(`from ${index}`)
      await client.flushed()
    }
    await until(() => all.every(({ data }) => data.length >= all.length))
    for (const { data } of all) expect(data).toEqual(['from 0', 'from 1', 'from 2'])
    const fromVite = { method: 'OPTIONS', headers: { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'POST' } }
    const { headers } = await fetch(`${servers.origins[0]}/realtime`, fromVite)
    expect(headers.get('access-control-allow-origin')).toBe('http://localhost:5173')
    expect(servers.errors).toEqual([])
  },

  async 'first-client'() {
    expect(linesOf('first-client')).toBeLessThanOrEqual(15)
    await using servers = await startSessionServers(snippet('first-server'))
    const log = vi.fn()
    const warn = vi.fn()
    const { name, language, code } = snippet('first-client')
    expect(code).toContain('http://localhost:8080/realtime')
    const here = { name, language, code: code.replace('http://localhost:8080', servers.origins[0] ?? '') }
    await runSnippet(here, packageAt(servers.origins[0] ?? ''), { console: { log, warn } })
    await until(() => log.mock.calls.length === 2)
    expect(log.mock.calls).toEqual([['connected over websocket'], ['hello']])
    servers.cut()
    await until(() => log.mock.calls.length === 4)
    expect(log.mock.calls.slice(2).map(String)).toEqual([
      expect.stringMatching(/^connection lost, trying again in \d+ ms$/),
      'connected over websocket',
    ])
    expect(warn.mock.calls.map(String)).toEqual([expect.stringMatching(/\w/)])
  },

  async plain() {
    const log = vi.fn()
    await clientOf('plain', server.origin, { console: { log } })
    await until(() => log.mock.calls.length === 1)
    expect(JSON.parse(String(log.mock.calls[0]))).toMatchObject({ text: 'hello' })
  },

  async 'auth-server'() {
    await using servers = await startSessionServers(snippet('auth-server'))
    const [origin = ''] = servers.origins
    const withCookie = (cookie: string): NonNullable<RealtimeOptions['host']> => ({
      ...nodeHost,
      baseUrl: `${origin}/`,
      fetch(url, init) {
        const headers = new Headers(init?.headers)
        headers.set('Cookie', cookie)
        headers.set('Origin', origin) // a request with cookies comes from a browser, which sends its origin
        return fetch(url, { ...init, headers })
      },
    })
    const byCookie = sessionOf(servers, { transports: ['sse'], host: withCookie('a=b; sid=c2VjcmV0; c=d') })
    const byToken = httpAndWebSocket.map((name) => {
      return sessionOf(servers, { transports: [name], prepare: () => ({ auth: 'c2VjcmV0' }) })
    })
    const all = [byCookie, ...byToken]
    for (const { client } of all) client.send('hello')
    await until(() => all.every(({ data }) => data.length === 1))
    expect(all.map(({ data }) => data)).toEqual(all.map(() => ['ada: hello']))
    const nobody = sessionOf(servers, { transports: ['sse'], host: withCookie('xsid=c2VjcmV0') })
    await until(() => nobody.client.state.status === 'closed')
    expect(servers.errors).toEqual([])
  },

  async 'auth-client'() {
    await using servers = await startSessionServers(snippet('auth-server'))
    const answers = [new Response('', { status: 500 }), new Response('c2VjcmV0'), new Response('', { status: 401 })]
    const fetch = vi.fn(async (..._: unknown[]) => answers.shift())
    const { client, data } = await clientOf('auth-client', servers.origins[0] ?? '', { fetch })
    client.send('hello')
    await until(() => data.length === 1)
    expect(data).toEqual(['ada: hello'])
    expect(fetch.mock.calls).toEqual(Array(2).fill(['/token', { method: 'POST', signal: expect.any(AbortSignal) }]))
    servers.cut()
    await until(() => client.state.status === 'closed')
    expect(client.state).toMatchObject({
      diagnosis: { cause: 'client.stopped', message: expect.stringContaining('log in again') },
    })
  },

  async 'log-in-again'() {
    await using servers = await startSessionServers(snippet('auth-server'))
    const stopping = () => {
      throw new StopConnecting('log in again')
    }
    const refused = httpAndWebSocket.map((name) => sessionOf(servers, { transports: [name], prepare: () => ({ auth: 'old' }) }))
    const accepted = sessionOf(servers, { prepare: () => ({ auth: 'c2VjcmV0' }) })
    const assigned = await Promise.all(
      [...refused, sessionOf(servers, { prepare: stopping }), accepted].map(async ({ client }) => {
        const assign = vi.fn()
        await runSnippet(snippet('log-in-again'), {}, { client, location: { assign } })
        return { client, assign }
      }),
    )
    await until(() => isOpen(accepted))
    await accepted.client.close()
    await until(() => assigned.every(({ client }) => client.state.status === 'closed'))
    expect(assigned.map(({ assign }) => assign.mock.calls)).toEqual([...Array(4).fill([['/login']]), []])
  },

  async 'fifteen-lines'() {
    expect(snippet('fifteen-lines').code.split('\n').length - 1).toBeLessThanOrEqual(16)
    const log = vi.fn()
    const warn = vi.fn()
    const { client } = await clientOf('fifteen-lines', server.origin, { console: { log, warn } })
    await until(() => log.mock.calls.length === 2)
    expect(log.mock.calls.map(String)).toEqual(['connected over websocket', expect.stringContaining('"text":"hello"')])
    server.cut()
    await until(() => client.state.status === 'open' && log.mock.calls.length === 4)
    expect(warn.mock.calls[0]).toEqual(['conn.dropped', expect.any(String)])
    expect(log.mock.calls.slice(2).map(String)).toEqual([
      expect.stringMatching(/^closed \(1006\), trying again in \d+ ms$/),
      'connected over websocket',
    ])
  },

  async 'core-client'() {
    const log = vi.fn()
    const { client } = await clientOf('core-client', server.origin, { console: { log } })
    await until(() => client.state.status === 'open')
    client.send('hello')
    await until(() => log.mock.calls.length > 0)
    expect(client.state).toMatchObject({ transport: 'websocket' })
  },

  async codec() {
    const log = vi.fn()
    await clientOf('codec', server.origin, { console: { log } })
    await until(() => log.mock.calls.length === 1)
    expect(log.mock.calls).toEqual([['{"SAY":"HELLO"}']])
  },

  async server() {
    const names = ['websocket', 'sse', 'long-poll', 'poll'] as const
    const { steadfast } = packageAt(server.origin)
    const all = names.map((name) => {
      const transport = name === 'poll' ? { type: name, url: '?mode=poll', intervalMs: 100 } : name
      const client = new steadfast.RealtimeClient('/realtime', { transports: [transport] })
      return { name, client, ...watch(client) }
    })
    await until(() => all.every(({ client }) => client.state.status === 'open'))
    for (const { name, client } of all) {
      client.send(`from ${name}`)
      await client.flushed()
    }
    const sent = names.map((name) => `from ${name}`)
    await until(() => all.every(({ data }) => data.length >= 4))
    for (const { textsOf } of all) expect(textsOf().sort()).toEqual([...sent].sort())

    server.cut()
    await server.publish('meanwhile')
    await until(() => all[0]?.opens.length === 2)
    await server.publish('after')
    await until(() => all.every(({ textsOf }) => textsOf().includes('after')))
    const [webSocket, ...others] = all.map(({ textsOf }) => textsOf().slice(4))
    expect(webSocket?.at(-1)).toBe('after')
    expect(others).toEqual([
      ['meanwhile', 'after'],
      ['meanwhile', 'after'],
      ['meanwhile', 'after'],
    ])
  },

  async 'its-client'() {
    const { client, textsOf, data } = await clientOf('its-client', server.origin)
    client.send('ping')
    client.send('after the pong')
    await until(() => data.length === 1)
    expect(textsOf()).toEqual(['after the pong'])
  },

  async 'session-client'() {
    const userOf = vi.fn(async (auth: unknown) => (auth === 'new' ? { id: 'ada' } : null))
    await using servers = await startSessionServers(snippet('session-server'), { userOf })
    const accessToken = vi.fn(async ({ fresh }: { fresh: boolean }) => (fresh ? 'new' : 'old'))
    const { data, opens } = await clientOf('session-client', servers.origins[0] ?? '', { accessToken })
    await until(() => data.length === 1)
    expect([data, opens.map(({ transport }) => transport)]).toEqual([['Welcome, ada.'], ['websocket']])
    expect(accessToken.mock.calls).toEqual([[{ fresh: false }], [{ fresh: true }]])
    expect(userOf.mock.calls).toEqual([['old'], ['new']])
  },

  async reload() {
    await using servers = await startSessionServers(snippet('session-server'), { userOf: async () => ({ id: 'ada' }) })
    const tab = new FakeTab()
    const done: string[] = []
    const scope = {
      loadEverything: () => done.push('loaded everything'),
      drawFromCache: () => done.push('drew from the cache'),
      warn: (text: string) => done.push(text),
    }
    const load = async () => {
      const page = tab.page()
      const visit = await clientOf('reload', servers.origins[0] ?? '', scope, { host: page.host })
      await until(() => visit.opens.length === 1)
      return { page, ...visit }
    }
    const one = await load()
    await until(() => one.data.length === 1)
    await one.client.flushed()
    one.client.send('unsaid')
    one.page.hide()
    const two = await load()
    two.client.send('hello')
    await until(() => two.data.length === 1)
    expect([one.data, two.data]).toEqual([['Welcome, ada.'], ['ada: hello']])
    expect(done).toEqual(['loaded everything', 'drew from the cache', 'Lost with the page before: 1'])
  },

  async 'session-server'() {
    const userOf = async (auth: unknown) => ({ id: String(auth) })
    await using servers = await startSessionServers(snippet('session-server'), { userOf })
    const names = ['websocket', 'sse', 'long-poll', 'poll'] as const
    const all = names.map((name) => {
      const transports = [name === 'poll' ? ({ type: name, intervalMs: 100 } as const) : name]
      return { name, ...sessionOf(servers, { transports, prepare: () => ({ auth: name }) }) }
    })
    await until(() => all.every(({ data }) => data.length === 1))
    expect(all.map(({ data }) => data)).toEqual(names.map((name) => [`Welcome, ${name}.`]))
    const expected: string[] = []
    for (const { name, client } of all) {
      for (const text of ['one', 'two']) client.send(text)
      await client.flushed()
      expected.push(`${name}: one`, `${name}: two`)
      servers.cut()
    }
    await until(() => all.every(({ data }) => data.length === 9))
    // Every client has the messages in the same order, and none twice.
    for (const { data } of all) expect(data.slice(1)).toEqual(expected)
    expect(all.every(({ opens }) => opens.slice(1).every(({ resumed }) => resumed))).toBe(true)
    expect(servers.errors).toEqual([])
  },

  async 'session-express'() {
    await using servers = await startSessionServers(snippet('session-express'))
    await everyTransportEchoes(servers)
    expect(await (await fetch(`${servers.origins[0]}/`)).text()).toBe('hello')
  },

  async 'session-middleware'() {
    let isShut = true
    const guard = (_request: unknown, response: { sendStatus(status: number): void }, next: () => void) =>
      isShut ? response.sendStatus(418) : next()
    await using servers = await startSessionServers(snippet('session-middleware'), { guard })
    expect((await fetch(`${servers.origins[0]}/realtime`, { method: 'POST' })).status).toBe(418)
    isShut = false
    await everyTransportEchoes(servers)
  },

  async 'session-fastify'() {
    await using servers = await startSessionServers(snippet('session-fastify'))
    await everyTransportEchoes(servers)
    expect(await (await fetch(`${servers.origins[0]}/`)).text()).toBe('hello')
  },

  async 'session-nodes'() {
    await using servers = await startSessionServers(snippet('session-nodes'))
    let node = 0
    const prepare = () => ({ url: `${servers.origins[node]}/realtime` })
    const moving = sessionOf(servers, { prepare })
    await until(() => isOpen(moving))
    moving.client.send('1')
    await moving.client.flushed()
    node = 1
    const other = sessionOf(servers, { prepare })
    await until(() => isOpen(other) && moving.data.length === 1)
    servers.kill(0)
    other.client.send('2')
    await other.client.flushed()
    await until(() => moving.opens.length === 2)
    moving.client.send('3')
    await until(() => other.data.length === 2 && moving.data.length === 3)
    expect([moving.data, other.data, moving.opens[1]?.resumed]).toEqual([['1', '2', '3'], ['2', '3'], true])
  },

  async greeting() {
    await using reference = await startReferenceServer({ path: '/realtime', echo: false })
    const accessToken = vi.fn(async ({ fresh }: { fresh: boolean }) => {
      if (fresh) reference.closeOnOpen(null)
      return fresh ? 'new' : 'old'
    })
    reference.closeOnOpen(4401)
    const { client, opens } = await clientOf('greeting', reference.origin, { accessToken })
    await until(() => opens.length === 2)
    client.send('hello')
    await until(() => reference.received.some(({ data }) => data === 'hello'))
    expect(accessToken.mock.calls).toEqual([[{ fresh: false }], [{ fresh: true }]])
    expect(reference.received.map(({ data }) => data)).toEqual(['{"authorization":"old"}', '{"authorization":"new"}', 'hello'])

    reference.answer('websocket', { status: 404 })
    const { client: overSse } = await clientOf('greeting', reference.origin, { accessToken })
    await until(() => isOpen({ client: overSse }))
    expect(reference.requests.find(({ transport }) => transport === 'sse')?.headers['authorization']).toBe('Bearer old')
  },

  async ticket() {
    await using reference = await startReferenceServer({ path: '/realtime' })
    let tickets = 0
    const fetch = vi.fn(async () => {
      tickets += 1
      return new Response(`ticket-${tickets}`)
    })
    const { opens } = await clientOf('ticket', reference.origin, { fetch })
    await until(() => opens.length === 1)
    reference.hangUp()
    await until(() => opens.length === 2)
    expect(fetch.mock.calls[0]).toEqual(['/ticket', { method: 'POST', signal: expect.any(AbortSignal) }])
    expect(reference.requests.map(({ url }) => url)).toEqual(['/realtime?ticket=ticket-1', '/realtime?ticket=ticket-2'])
  },

  async 'from-socket-io-client'() {
    await using servers = await startSessionServers(snippet('from-socket-io-server'))
    const log = vi.fn()
    await clientOf('from-socket-io-client', servers.origins[0] ?? '', { console: { log } })
    await until(() => log.mock.calls.length === 1)
    expect(log.mock.calls).toEqual([['hello']])
  },

  async 'from-socket-io-server'() {
    await using servers = await startSessionServers(snippet('from-socket-io-server'))
    const all = httpAndWebSocket.map((name) => sessionOf(servers, { transports: [name] }))
    await until(() => all.every(isOpen))
    all[0]?.client.send(JSON.stringify({ event: 'chat', data: 'to all' }))
    await until(() => all.every(({ data }) => data.length === 1))
    for (const { data } of all) expect(JSON.parse(String(data[0]))).toEqual({ event: 'chat', data: 'to all' })
  },

  async 'from-sockjs-client'() {
    await using servers = await startSessionServers(snippet('from-sockjs-server'))
    const log = vi.fn()
    await clientOf('from-sockjs-client', servers.origins[0] ?? '', { console: { log } })
    await until(() => log.mock.calls.length === 1)
    expect(log.mock.calls).toEqual([['hello']])
  },

  async 'from-sockjs-server'() {
    await using servers = await startSessionServers(snippet('from-sockjs-server'))
    const clients = httpAndWebSocket.map((name) => {
      return sessionOf(servers, { transports: [name], prepare: () => ({ url: `${servers.origins[0]}/echo` }) })
    })
    for (const { client } of clients) client.send('back')
    await until(() => clients.every(({ data }) => data.length === 1))
    expect(servers.errors).toEqual([])
  },

  async 'sockjs-class'() {
    await using service = await startSockjs()
    const log = vi.fn()
    await runSnippet(snippet('sockjs-class'), sockjsAt(service.origin), { console: { log } })
    await until(() => log.mock.calls.length === 1)
    service.send('more')
    service.cut()
    await until(() => log.mock.calls.length >= 2)
    expect([log.mock.calls[0], log.mock.calls.at(-1)]).toEqual([['hello over websocket'], [1006, '', false]])
  },

  async 'sockjs-protocol'() {
    await using service = await startSockjs()
    const log = vi.fn()
    const { steadfast } = packageAt(service.origin)
    await runSnippet(snippet('sockjs-protocol'), { ...sockjsAt(service.origin), steadfast }, { console: { log } })
    await until(() => log.mock.calls.length === 1)
    clients.at(-1)?.send('close 4001 bye' as never)
    await until(() => log.mock.calls.length === 2)
    expect(log.mock.calls).toEqual([['hello'], [4001, 'bye', expect.anything(), expect.any(String)]])
  },

  async 'from-eventsource'() {
    const log = vi.fn()
    const { client } = await clientOf('from-eventsource', server.origin, { console: { log } })
    await until(() => isOpen({ client }))
    await server.publish('hello')
    await until(() => log.mock.calls.length > 0)
    expect(log.mock.calls[0]).toEqual(['message', expect.any(String), expect.stringContaining('hello')])
    expect(client.state).toMatchObject({ transport: 'sse' })
  },

  async 'from-partysocket'() {
    const log = vi.fn()
    await clientOf('from-partysocket', server.origin, { console: { log } })
    await until(() => log.mock.calls.length === 1)
    expect(log.mock.calls.map(String)).toEqual([expect.stringContaining('hello')])
    server.cut()
    await until(() => log.mock.calls.length >= 3)
    expect(log.mock.calls[1]).toEqual([1006, '', expect.any(Number)])
  },

  async kicking() {
    const userOf = async (auth: unknown) => ({ id: String(auth) })
    await using servers = await startSessionServers(snippet('kicking'), { userOf })
    const { notify, kick } = servers.exported as Record<'notify' | 'kick', (user: string, text: string) => Promise<void>>
    const [first, second, other] = (['ada', 'ada', 'bob'] as const).map((id) =>
      sessionOf(servers, { prepare: () => ({ auth: id }) }),
    )
    if (!first || !second || !other) throw new Error('three clients were made')
    await until(() => [first, second, other].every(isOpen))
    await notify('ada', 'for ada')
    await until(() => [first, second].every(({ data }) => data.length === 1))
    await kick('ada', 'come back tomorrow')
    await until(() => [first, second].every(({ client }) => client.state.status === 'closed'))
    expect(first.client.state).toMatchObject({ code: 4410, reason: 'come back tomorrow' })
    expect([other.client.state.status, other.data]).toEqual(['open', []])
  },

  async 'history-server'() {
    await using servers = await startSessionServers(snippet('history-server'))
    const { client, data } = sessionOf(servers, {})
    await until(() => data.length === 1)
    await (servers.exported as { add(entry: object): Promise<void> }).add({ id: 1, text: 'one' })
    await until(() => data.length === 2)
    expect(data.map((each) => JSON.parse(String(each)))).toEqual([{ type: 'subscribed' }, { type: 'entry', id: 1, text: 'one' }])
    expect(client.state.status).toBe('open')
  },

  async history() {
    await using servers = await startSessionServers(snippet('history-server'))
    const { add } = servers.exported as { add(entry: object): Promise<void> }
    const shown: string[] = []
    const fetch = vi.fn(async (_: string) => {
      // The entry is published while the response is in flight, and the response contains it as well.
      await add({ id: 2, text: 'two' })
      return Response.json([1, 2].map((id) => ({ id, text: id === 1 ? 'one' : 'two' })))
    })
    await clientOf('history', servers.origins[0] ?? '', { fetch, show: (text: string) => shown.push(text) })
    await until(() => shown.at(-1) === 'one, two')
    servers.cut()
    await add({ id: 3, text: 'three' })
    await until(() => shown.at(-1) === 'one, two, three')
    expect(fetch.mock.calls).toEqual([['/history']])
  },

  async 'presence-server'() {
    await using servers = await startSessionServers(snippet('presence-server'))
    const { data } = sessionOf(servers, { prepare: () => ({ auth: 'bob' }) })
    await until(() => data.length >= 2)
    const news = data.map((each) => JSON.parse(String(each)))
    expect(news.find(({ type }) => type === 'join')).toMatchObject({ info: { name: 'bob' } })
    expect(news.find(({ type }) => type === 'members')?.members).toBeInstanceOf(Array)
    expect(servers.errors).toEqual([])
  },

  async presence() {
    await using servers = await startSessionServers(snippet('presence-server'))
    const bob = sessionOf(servers, { prepare: () => ({ auth: 'bob' }) })
    await until(() => bob.data.length > 0)
    const shown: string[] = []
    await clientOf('presence', servers.origins[0] ?? '', { show: (text: string) => shown.push(text) })
    await until(() => shown.at(-1) === 'ann, bob')
    await bob.client.close()
    await until(() => shown.at(-1) === 'ann')
  },

  async 'requests-server'() {
    await using servers = await startSessionServers(snippet('requests-server'))
    const { client } = sessionOf(servers, {})
    expect(JSON.parse(await client.request<string>('{"room":"lobby"}'))).toEqual({ title: 'Lobby', seats: 12 })
    await expect(client.request('{"room":"attic"}')).rejects.toMatchObject({ code: 'not-found' })
    await client.close()
    expect(servers.errors).toEqual([])
  },

  async requests() {
    await using servers = await startSessionServers(snippet('requests-server'))
    const { steadfast, ...others } = packageAt(servers.origins[0] ?? '')
    const shown: string[] = []
    const show = (text: string) => shown.push(text)
    const { showRoom } = await runSnippet(snippet('requests'), { ...others, steadfast }, { show })
    const rooms = ['lobby', 'attic'].map((name) => (showRoom as (name: string) => Promise<void>)(name))
    servers.cut()
    await Promise.all(rooms)
    expect(shown.sort()).toEqual(['Lobby: 12 seats', 'There is no room attic.'])
  },

  async 'requests-signal'() {
    const fetch = vi.fn((_: string, { signal }: { readonly signal: AbortSignal }) => {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await using servers = await startSessionServers(snippet('requests-signal'), { fetch })
    const { client } = sessionOf(servers, {})
    const controller = new AbortController()
    const request = client.request('a b', { signal: controller.signal })
    await until(() => fetch.mock.calls.length === 1)
    controller.abort()
    await expect(request).rejects.toMatchObject({ name: 'AbortError' })
    expect(fetch.mock.calls[0]?.[0]).toMatch(/\?q=a%20b$/)
    await until(() => fetch.mock.calls[0]?.[1].signal.aborted === true)
    expect(servers.errors).toEqual([])
  },

  async 'requests-abort'() {
    const asked: string[] = []
    const aborted: string[] = []
    const shown: string[] = []
    const respond = async ({ data, signal }: { readonly data: unknown; readonly signal: AbortSignal }) => {
      asked.push(String(data))
      await new Promise((resolve) => (data === 'ste' ? resolve(null) : signal.addEventListener('abort', resolve)))
      if (signal.aborted) aborted.push(String(data))
      return `steadfast, for ${data}`
    }
    const scope = { onRequest: (_: unknown, message: Parameters<typeof respond>[0]) => respond(message) }
    await using servers = await startSessionServers(serverWith('onRequest'), scope)
    const { client } = sessionOf(servers, {})
    const { suggest } = (await runSnippet(
      snippet('requests-abort'),
      {},
      { client, show: (text: string) => shown.push(text) },
    )) as {
      suggest(text: string): Promise<void>
    }
    const suggested = ['s', 'st', 'ste'].map(async (text, index) => {
      await until(() => asked.length === index)
      await suggest(text)
    })
    await Promise.all(suggested)
    expect(shown).toEqual(['steadfast, for ste'])
    await until(() => aborted.length === 2)
    expect(aborted).toEqual(['s', 'st'])
    await client.close()
  },

  async 'requests-refused'() {
    const onMessage = (_: unknown, { data }: { readonly data: string }) => {
      if (data.length > 20) throw new serverModule.RequestError('too-long', 'At most 20 characters.')
    }
    await using servers = await startSessionServers(serverWith('onMessage'), { onMessage })
    const { client } = sessionOf(servers, {})
    const shown: string[] = []
    await runSnippet(snippet('requests-refused'), {}, { client, show: (text: string) => shown.push(text) })
    expect(shown).toEqual(['too-long: At most 20 characters.'])
    expect(servers.errors).toEqual([])
  },

  async 'requests-of-server'() {
    await using servers = await startSessionServers(serverWith('authenticate'), { authenticate: () => ({ id: 'ada' }) })
    const { draftOf } = (await runSnippet(snippet('requests-of-server'), {}, { server: servers.realtimes[0] })) as {
      draftOf(user: string): Promise<string | undefined>
    }
    expect(await draftOf('ada')).toBeUndefined()
    const { client } = sessionOf(servers, {})
    client.onrequest = ({ data }) => `the ${data}`
    await until(() => isOpen({ client }))
    expect(await draftOf('ada')).toBe('the draft')
    await client.close()
  },

  async 'requests-of-page'() {
    await using servers = await startSessionServers(serverWith('authenticate'), { authenticate: () => ({ id: 'ada' }) })
    const { client } = sessionOf(servers, {})
    const localStorage = { getItem: (name: string) => (name === 'draft' ? 'Dear' : null) }
    await runSnippet(snippet('requests-of-page'), {}, { client, localStorage })
    await until(() => isOpen({ client }))
    const [ada] = (await servers.realtimes[0]?.sessionsOf('ada')) ?? []
    expect([await ada?.request('draft'), await ada?.request('other')]).toEqual(['Dear', ''])
    await client.close()
  },

  async 'topics-server'() {
    await using servers = await startSessionServers(snippet('topics-server'))
    const { client } = sessionOf(servers, { prepare: () => ({ auth: 'eve' }) })
    const lobby = client.subscribe('chat:lobby')
    await until(() => lobby.state === 'refused')
    expect(lobby.error?.code).toBe('forbidden')
    await expect(lobby.publish('{"text":"hello"}')).rejects.toMatchObject({ code: 'forbidden' })
    await client.close()
    expect(servers.errors).toEqual([])
  },

  async topics() {
    await using servers = await startSessionServers(snippet('topics-server'))
    const bob = sessionOf(servers, { prepare: () => ({ auth: 'bob' }) })
    await bob.client.subscribe('chat:lobby').publish('{"text":"before"}')
    const shown: string[] = []
    const scope = { show: (text: string) => shown.push(text) }
    const { steadfast, ...others } = packageAt(servers.origins[0] ?? '')
    const { say } = (await runSnippet(snippet('topics'), { ...others, steadfast }, scope)) as {
      say(text: string): Promise<number>
    }
    await until(() => shown.length === 1)
    await say('hello')
    servers.cut()
    await bob.client.subscribe('chat:lobby').publish('{"text":"after"}')
    await until(() => shown.length === 3)
    expect(shown).toEqual(['bob: before', 'ann: hello', 'bob: after'])
    for (const client of clients) await client.close()
    expect(servers.errors).toEqual([])
  },

  async 'topics-presence'() {
    await using servers = await startSessionServers(snippet('topics-server'))
    const [ann, bob] = ['ann', 'bob'].map((id) => {
      const { RealtimeClient: Client } = packageAt(servers.origins[0] ?? '').steadfast
      return new Client('/realtime', { protocol: session(), codec: json(), prepare: () => ({ auth: id }) })
    })
    const present: string[] = []
    await runSnippet(snippet('topics-presence'), {}, { client: ann, show: (text: string) => present.push(text) })
    await until(() => present.at(-1) === 'ann')
    bob?.subscribe('chat:lobby')
    await until(() => present.at(-1) === 'ann, bob')
    await bob?.close()
    await until(() => present.at(-1) === 'ann')
    await ann?.close()
    expect(servers.errors).toEqual([])
  },

  async 'topics-permit-server'() {
    const permitOf = vi.fn((token: unknown) => {
      return token === 'good' ? { topic: 'prices', expiresAt: Date.now() + (asked() > 4 ? 60_000 : 700) } : null
    })
    const asked = () => permitOf.mock.calls.length
    await using servers = await startSessionServers(snippet('topics-permit-server'), { permitOf })
    const { client } = sessionOf(servers, {})
    const params = { token: 'good' }
    const topics = [
      client.subscribe('prices', { params }),
      client.subscribe('other', { params }),
      client.subscribe('another', { params: { token: 'bad' } }),
      client.subscribe('one more'),
    ]
    await until(() => topics.every(({ state }) => state !== 'subscribing'))
    expect(topics.map(({ state }) => state)).toEqual(['subscribed', 'refused', 'refused', 'refused'])
    await until(() => asked() === 5)
    await client.close()
    expect(servers.errors).toEqual([])
  },

  async 'topics-permit'() {
    const given: unknown[] = []
    const onSubscribe = (_: unknown, __: string, params: unknown) => {
      given.push(params)
      return { expiresAt: given.length === 1 ? Date.now() + 500 : Infinity }
    }
    await using servers = await startSessionServers(serverWith('onSubscribe'), { onSubscribe })
    const { client } = sessionOf(servers, {})
    let count = 0
    const ticket = async () => `ticket ${++count}`
    const shown: string[] = []
    await runSnippet(snippet('topics-permit'), {}, { client, ticket, show: (text: string) => shown.push(text) })
    await until(() => given.length === 2)
    await servers.realtimes[0]?.publish('prices', '12')
    await until(() => shown.length === 1)
    expect([shown, given]).toEqual([['12'], [{ token: 'ticket 1' }, { token: 'ticket 2' }]])
    await client.close()
    expect(servers.errors).toEqual([])
  },

  async 'topics-types'() {
    await using servers = await startSessionServers(serverWith('onSubscribe'), { onSubscribe: () => true })
    const shown: string[] = []
    const { client } = await clientOf('topics-types', servers.origins[0] ?? '', { show: (text: string) => shown.push(text) })
    const prices = client.subscribe('prices')
    await until(() => prices.state === 'subscribed')
    await servers.realtimes[0]?.publish('prices', '{"eur":3}')
    await until(() => shown.length === 1)
    expect(shown).toEqual(['3.00'])
    await client.close()
  },

  async 'shared-worker'() {
    const listeners: ((event: { readonly ports: readonly MessagePort[] }) => void)[] = []
    const addEventListener = (_: 'connect', listener: (typeof listeners)[number]) => listeners.push(listener)
    await clientOf('shared-worker', server.origin, { addEventListener })
    const tabs = [new MessageChannel(), new MessageChannel()].map(({ port1, port2 }) => {
      const received: string[] = []
      port1.onmessage = ({ data }) => received.push(JSON.parse(data).text)
      for (const listener of listeners) listener({ ports: [port2] })
      return { port: port1, received }
    })
    const [one, other] = tabs
    one?.port.postMessage('hello')
    await until(() => tabs.every(({ received }) => received.includes('hello')))
    one?.port.postMessage('leave')
    other?.port.postMessage('alone')
    await until(() => !!other?.received.includes('alone'))
    expect(one?.received).toEqual(['hello'])
    for (const { port } of tabs) port.close()
  },

  async ssr() {
    const react = await import('react')
    const { renderToString } = await import('react-dom/server')
    const exported = await runSnippet(snippet('ssr'), { steadfast: { RealtimeClient }, react })
    const { client, useConnection } = exported as { client: RealtimeClient; useConnection(): ClientState }
    expect(renderToString(react.createElement(() => useConnection().status))).toBe('idle')
    expect([client.state.status, client.report().attempts]).toEqual(['idle', []])
  },

  async 'shared-tabs'() {
    await using servers = await startSessionServers(snippet('first-server'))
    const [origin = ''] = servers.origins
    const host = { tabs: localTabs() }
    const shown = [vi.fn(), vi.fn(), vi.fn()]
    for (const [index, show] of shown.entries()) {
      await clientOf('shared-tabs', origin, { user: { id: 'somebody' }, show }, { host } as never)
      await until(() => clients.at(-1)?.state.status === 'open')
      // The message that this tab sends is delivered to every tab that is open by then.
      await until(() => shown[0]?.mock.calls.length === index + 1)
    }
    await until(() => shown[2]?.mock.calls.length === 1)
    expect(servers.realtimes[0]?.metrics().sessions).toBe(1)
    expect(Object.values(servers.realtimes[0]?.metrics().attachments.open ?? {}).reduce((sum, each) => sum + each)).toBe(1)
    // The first tab is the leader.
    await clients[0]?.close()
    clients[1]?.send('and on' as never)
    await until(() => shown[2]?.mock.calls.at(-1)?.[0] === 'and on')
    expect(shown[0]).toHaveBeenCalledTimes(3)
  },

  async 'express-sessions'() {
    await using servers = await startSessionServers(snippet('express-sessions'))
    const [origin = ''] = servers.origins
    const nobody = sessionOf(servers, { transports: ['sse'] })
    await until(() => nobody.client.state.status === 'closed')
    const login = await fetch(`${origin}/login`, { method: 'POST' })
    const [cookie = ''] = login.headers.get('set-cookie')?.split(';') ?? []
    const host: RealtimeOptions['host'] = {
      ...nodeHost,
      baseUrl: `${origin}/`,
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, Cookie: cookie, Origin: origin } }),
      WebSocket: class extends WebSocket {
        constructor(url: string, subprotocols: string[]) {
          super(url, subprotocols, { headers: { Cookie: cookie, Origin: origin } })
        }
      } as unknown as NonNullable<typeof nodeHost.WebSocket>,
    }
    const all = httpAndWebSocket.map((name) => sessionOf(servers, { transports: [name], host }))
    for (const { client } of all) client.send('hello')
    await until(() => all.every(({ data }) => data.length === 1))
    expect(all.map(({ data }) => data)).toEqual(all.map(() => ['ada: hello']))
  },

  async nchan() {
    await using nchan = await startNchan()
    await nchan.publish('news', 'primed')
    const { client, data, opens } = await clientOf('nchan', nchan.origin)
    await until(() => data.length === 1)
    expect(opens[0]?.transport).toBe('websocket')
    await nchan.publish('news', 'hello')
    await until(() => data.length === 2)
    expect([data, client.state.status]).toEqual([['primed', 'hello'], 'open'])
  },

  async 'better-sse'() {
    await using events = await startBetterSse({ retryMs: 50 })
    const { client, data, opens } = await clientOf('better-sse', new URL(events.url).origin)
    await until(() => isOpen({ client }) && events.connections() === 1)
    events.publish({ n: 1 })
    await until(() => data.length === 1)
    events.killAll()
    events.publish({ n: 2 })
    await until(() => data.length === 2)
    expect([data, opens.map(({ resumed }) => resumed)]).toEqual([
      [{ n: 1 }, { n: 2 }],
      [false, true],
    ])
  },

  async mercure() {
    await using hub = await startMercure()
    const token = hub.token({ publish: ['*'], subscribe: ['*'] })
    const { client, data } = await clientOf('mercure', hub.origin, { accessToken: async () => token })
    await until(() => isOpen({ client }))
    await hub.publish('https://example.com/books/2', 'from the backend')
    client.send('from the page')
    await until(() => data.length === 2)
    expect([...data].sort()).toEqual(['from the backend', 'from the page'])
  },

  async 'durable-streams'() {
    await using streams: DurableStreams = await startDurableStreams()
    await streams.create('streams/run-7')
    await streams.append('streams/run-7', '[{"step":1},{"step":2}]')
    const stored = new Map<string, string>()
    const localStorage = {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => void stored.set(name, value),
    }
    const log = vi.fn()
    const scope = { localStorage, console: { log } }
    const { client } = await clientOf('durable-streams', streams.origin, scope)
    await until(() => log.mock.calls.length === 2)
    await client.close()
    log.mockClear()
    const { client: again } = await clientOf('durable-streams', streams.origin, scope)
    again.send({ step: 3 })
    await until(() => log.mock.calls.length === 1)
    await streams.closeStream('streams/run-7')
    await until(() => log.mock.calls.length === 2)
    expect(log.mock.calls).toEqual([[3], ['the run is over']])
  },

  async centrifugo() {
    await using centrifugo = await startCentrifugo()
    const log = vi.fn()
    const scope = { accessToken: async () => centrifugo.token(), console: { log } }
    const { client, opens } = await clientOf('centrifugo', centrifugo.origin, scope)
    await until(() => isOpen({ client }))
    for (; !log.mock.calls.length; await new Promise((resolve) => setTimeout(resolve, 20)))
      await centrifugo.publish('news', { text: 'hello' })
    expect([log.mock.calls[0], opens[0]?.transport]).toEqual([['news', 'hello'], 'websocket'])
  },

  async 'own-server'() {
    const { origin, close } = await startOwnServer()
    const { client, data } = await clientOf('own-dialect', origin)
    await until(() => isOpen({ client }))
    client.send('one')
    const response = await fetch(`${origin}/feed`, { method: 'POST', body: '{"item":"two"}' })
    expect(response.status).toBe(204)
    await until(() => data.includes('two'))
    await close()
  },

  async 'own-dialect'() {
    expect(linesOf('own-dialect')).toBeLessThanOrEqual(40)
    const { origin, say, cut, close } = await startOwnServer()
    const post = (item: string) =>
      fetch(`${origin}/feed`, { method: 'POST', headers: { Connection: 'close' }, body: JSON.stringify({ item }) })
    const { client, data, opens } = await clientOf('own-dialect', origin)
    await until(() => isOpen({ client }))
    cut()
    await post('missed before the first message')
    await until(() => data.length === 1)
    cut()
    await post('a')
    await post('b')
    await until(() => data.length === 3)
    expect(data.slice(1)).toEqual(['a', 'b'])
    const { RealtimeClient: Client } = packageAt(origin).steadfast
    const { feed } = (await runSnippet(
      snippet('own-dialect'),
      { ...packageAt(origin), steadfast: { ...packageAt(origin).steadfast, RealtimeClient: vi.fn() } },
      {},
    )) as { feed: () => protocols.Protocol }
    const overSse = new Client('/feed', { protocol: feed(), transports: [{ type: 'sse', sendUrl: '/feed' }] })
    const sse = watch(overSse as unknown as RealtimeClient<unknown, unknown>)
    await until(() => isOpen({ client: overSse }))
    overSse.send('over SSE')
    await until(() => sse.data.length === 1 && data.length === 4)
    expect([sse.data, data.at(-1), opens[0]?.transport]).toEqual([['over SSE'], 'over SSE', 'websocket'])
    say({ end: 'the show is over' })
    await until(() => client.state.status === 'closed' && overSse.state.status === 'closed')
    await close()
  },

  async 'own-protocol'() {
    const { client, textsOf, opens } = await clientOf('own-protocol', server.origin)
    await until(() => isOpen({ client }))
    const expected: string[] = []
    const publish = async (text: string) => {
      expected.push(text)
      await server.publish(text)
    }
    await publish('1')
    await until(() => textsOf().length === 1)
    server.cut()
    await publish('2')
    await until(() => textsOf().length === 2)
    server.refuseUpgrades(true)
    server.cut()
    await publish('3')
    await until(() => textsOf().length === 3)
    await publish('4')
    await until(() => textsOf().length === 4)
    server.refuseUpgrades(false)
    expect(textsOf()).toEqual(expected)
    expect(opens.map(({ transport, resumed }) => [transport, resumed])).toEqual([
      ['websocket', false],
      ['websocket', true],
      ['sse', true],
    ])
  },

  async remedies() {
    server.refuseUpgrades(true)
    const warned: unknown[][] = []
    const { client } = await clientOf('remedies', server.origin, { console: { warn: (...told: unknown[]) => warned.push(told) } })
    await until(() => warned.length > 0)
    const [message, remedy] = warned[0] ?? []
    expect(message).toMatch(/HTTP requests to \S+ work, but the WebSocket does not/)
    expect(remedy).toMatch(/Upgrade/)
    await until(() => isOpen({ client }))
  },

  async 'status-line'() {
    const shown: string[] = []
    const waits: { readonly run: () => void; readonly ms: number; isCleared: boolean }[] = []
    let say = (_: { state: { status: string } }) => {}
    const on = (_: 'state', listener: typeof say) => {
      say = listener
    }
    const setTimeout = (run: () => void, ms: number) => {
      waits.push({ run, ms, isCleared: false })
      return waits.at(-1)
    }
    const clearTimeout = (wait?: (typeof waits)[number]) => {
      if (wait) wait.isCleared = true
    }
    const show = (text: string) => shown.push(text)
    await runSnippet(snippet('status-line'), {}, { client: { on }, show, setTimeout, clearTimeout })
    for (const status of ['connecting', 'open', 'waiting']) say({ state: { status } })
    expect([shown, waits.map(({ ms, isCleared }) => [ms, isCleared])]).toEqual([
      [''],
      [
        [2000, true],
        [2000, false],
      ],
    ])
    waits[1]?.run()
    say({ state: { status: 'closed' } })
    expect(shown).toEqual(['', 'Connection lost. Trying again …', 'Not connected.'])
  },

  async nginx() {
    await using nginx = await startProxy('nginx', snippet('nginx').code.replace('127.0.0.1:8080', `127.0.0.1:${server.port}`))
    const { steadfast } = packageAt(nginx.origin)
    for (const type of ['websocket', 'sse', 'long-poll'] as const) {
      const client = new steadfast.RealtimeClient('/realtime', { transports: [type] })
      const { textsOf } = watch(client)
      await until(() => isOpen({ client }))
      client.send(`over ${type}`)
      await until(() => textsOf().includes(`over ${type}`))
    }
    for (const client of clients.splice(0)) await client.close()
  },

  async node() {
    const log = vi.fn()
    class Client extends RealtimeClient {
      constructor(url: string, options: RealtimeOptions) {
        super(url, options)
        clients.push(this as unknown as RealtimeClient<never, never>)
      }
    }
    const { name, language, code } = snippet('node')
    const here = { name, language, code: code.replace('127.0.0.1:8080', `127.0.0.1:${server.port}`) }
    await runSnippet(here, { steadfast: { RealtimeClient: Client }, ws: await import('ws') }, { console: { log } })
    await until(() => clients.at(-1)?.state.status === 'open')
    await server.publish('hello')
    await until(() => String(log.mock.calls).includes('hello'))
  },

  csp() {
    const [name, policy = ''] = snippet('csp').code.trim().split(': ')
    expect(name).toBe('Content-Security-Policy')
    const directives = new Map(policy.split('; ').map((each) => [each.split(' ')[0], each.split(' ').slice(1)]))
    expect([...directives.keys()]).toEqual(['default-src', 'connect-src'])
    for (const source of directives.get('connect-src')?.slice(1) ?? []) expect(() => new URL(source)).not.toThrow()
    expect(policy).not.toContain('unsafe')
  },

  async 'store-contract'() {
    const cases: ContractCase[] = []
    const runner = {
      describe: (_: string, register: () => void) => register(),
      it: (name: string, run: () => Promise<void>) => void cases.push({ name, run }),
    }
    const startEngine = vi.fn(async () => engineOfSnippet())
    const modules = { 'node:test': runner, 'steadfast/server/testing': contracts, 'my-engine': { startEngine } }
    await runSnippet(snippet('store-contract'), modules)
    for (const { run } of cases) await run()
    expect(startEngine).toHaveBeenCalledTimes(cases.length)
    const engines = await Promise.all(startEngine.mock.results.map(({ value }) => value))
    expect(engines.map(({ left }) => left())).toEqual(cases.map(() => 0))
    expect(engines.some(({ promoted }) => promoted())).toBe(true)
  },

  async 'metrics-prometheus'() {
    const prom = await import('prom-client')
    await using servers = await startSessionServers(snippet('metrics-prometheus'), {}, { 'prom-client': prom })
    const { client, data } = sessionOf(servers, { transports: ['websocket'] })
    client.send('hello')
    await until(() => data.length === 1)
    const [origin = ''] = servers.origins
    const page = await fetch(`${origin}/metrics`)
    const text = await page.text()
    expect(page.headers.get('content-type')).toBe(prom.register.contentType)
    expect(text).toMatch(/^process_cpu_seconds_total [\d.]+$/m)
    expect(text).toContain('\nsteadfast_messages_received_total 1\n')
    expect(text).toContain('\nsteadfast_attachments{transport="websocket"} 1\n')
    const health = await fetch(`${origin}/health`)
    expect([health.status, await health.text()]).toEqual([200, 'ok'])
    prom.register.clear()
  },

  async 'metrics-opentelemetry'() {
    const { metrics } = await import('@opentelemetry/api')
    const { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } = await import(
      '@opentelemetry/sdk-metrics'
    )
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const provider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
    })
    metrics.setGlobalMeterProvider(provider)
    const realtime = new serverModule.RealtimeServer()
    const modules = { '@opentelemetry/api': { metrics }, 'steadfast/server': serverModule }
    const { observe } = await runSnippet(snippet('metrics-opentelemetry'), modules)
    ;(observe as (server: typeof realtime) => void)(realtime)
    await realtime.publish('news', 'hello')
    await provider.forceFlush()
    const exported = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: all }) => all))
    const exportedValue = (name: string) => exported.find(({ descriptor }) => descriptor.name === name)?.dataPoints[0]?.value
    expect([exportedValue('steadfast_messages_published_total'), exportedValue('steadfast_sessions')]).toEqual([1, 0])
    await provider.shutdown()
    metrics.disable()
    await realtime.close()
  },

  'kafka-install'() {
    expect(snippet('kafka-install').code).toBe('npm install @platformatic/kafka\n')
    expect(peerDependencies).toHaveProperty('@platformatic/kafka')
  },

  async 'kafka-topics'() {
    const { topics, sessions } = serverModule.memoryStore()
    const kafkaTopics = vi.fn((options: KafkaTopicsOptions) => {
      topicsSettings(options)
      return topics
    })
    const modules = {
      '@platformatic/kafka': kafka,
      'steadfast/kafka': { platformaticKafka, kafkaTopics },
      'steadfast/server': serverModule,
    }
    await runSnippet(snippet('kafka-topics'), modules, { sessions })
    expect(kafkaTopics).toHaveBeenCalledWith(expect.objectContaining({ topic: 'realtime' }))
  },

  async 'kafka-bridge'() {
    const publish = vi.fn()
    const settings: BridgeSettings[] = []
    const kafkaBridge = (options: KafkaBridgeOptions) => settings.push(bridgeSettings(options))
    const modules = { '@platformatic/kafka': kafka, 'steadfast/kafka': { platformaticConsumer, kafkaBridge } }
    await runSnippet(snippet('kafka-bridge'), modules, { server: { publish } })
    const [bridge] = settings
    const place = { topic: 'orders', partition: 0, offset: 7, timestamp: 0, headers: [] }
    const record = { ...place, key: Buffer.from('12'), value: Buffer.from('paid') }
    await bridge?.publish(bridge.toTopic(record) ?? '', bridge.toData(record), { key: 'orders-0-7' })
    expect(publish).toHaveBeenCalledWith('order:12', 'paid', { key: 'orders-0-7' })
  },
  'redis-node-redis': () => runRedisSnippet('redis-node-redis', startRedis),
  'redis-ioredis': () => runRedisSnippet('redis-ioredis', startRedis),
  'redis-cluster': () => runRedisSnippet('redis-cluster', startRedisCluster),
  'redis-acl': async () => {
    await using redis = await startRedis()
    await redis.command(...snippet('redis-acl').code.trim().split(' '))
    const node = { host: '127.0.0.1', port: redis.port, username: 'app', password: 'password', lazyConnect: true }
    for (const client of [new Redis(node), createClient({ ...node, socket: { port: redis.port, host: '127.0.0.1' } })]) {
      const store = redisStore({ client })
      let news = 0
      await store.topics.watch('t', () => {
        news += 1
      }).ready
      await store.topics.append('t', 'x')
      await until(() => news > 0)
      expect((await store.topics.readAfter('t', 0, { maxMessages: 9, maxBytes: 99 })).messages.length).toBeGreaterThan(0)
      await store.close()
    }
  },

  developers() {
    expect(snippet('developers').code).toBe('npm ci && npm run demo\nnpm ci && npm test\nnpm run test:all\n')
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test']))
  },
}

/** Snippets that run against a real server, and what has to be installed for it. */
const wanted: Readonly<Record<string, Equipment>> = {
  nchan: 'nginx',
  nginx: 'nginx',
  mercure: 'a Mercure hub',
  centrifugo: 'Centrifugo',
}

/** Runs the server of the guide about protocols. */
async function startOwnServer() {
  const { name, language, code } = snippet('own-server')
  expect(code).toContain('server.listen(8080)')
  const here = { name, language, code: code.replace('server.listen(8080)', "server.listen(0, '127.0.0.1')") }
  const sockets = new Set<Socket>()
  let http = createServer()
  const own = (...given: Parameters<typeof createServer>) => {
    http = createServer(...given)
    return http
  }
  const modules = { 'node:http': { createServer: own }, ws: await import('ws') }
  const { say } = (await runSnippet(here, modules)) as { say: (frame: object) => void }
  http.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await until(() => http.listening)
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const close = async () => {
    http.close()
    cut()
  }
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, say, cut, close }
}

/** Runs a snippet that creates a store, with the address of a test server in place of its own, and uses the store. */
async function runRedisSnippet(name: string, start: () => Promise<AsyncDisposable & { readonly port: number }>): Promise<void> {
  await using redis = await start()
  const node = { host: '127.0.0.1', port: redis.port }
  const { store, realtime } = (await runSnippet(
    snippet(name),
    {
      redis: {
        createClient: () => createClient({ socket: node }),
        createCluster: () => createCluster({ rootNodes: [{ socket: node }] }),
      },
      ioredis: {
        Redis: class extends Redis {
          constructor() {
            super({ ...node, lazyConnect: true })
          }
        },
      },
      'steadfast/redis': { redisStore },
      'steadfast/server': { RealtimeServer },
      'node:http': { createServer: () => Object.assign(createServer(), { listen: vi.fn() }) },
    },
    { process: { on: vi.fn() } },
  )) as { store: RedisStore; realtime?: RealtimeServer }
  expect(await store.topics.append('t', 'x')).toBe(1)
  await realtime?.close({ drainMs: 0 })
  await store.close()
}

describe('the snippets of README.md, the guides and the reference', () => {
  it('are all covered by a test of their own', () => {
    const ofSocket = [...snippets.keys()].filter((name) => name === 'socket' || name.startsWith('socket-'))
    // test/integration/gateway-guide.test.ts
    const ofGateway = [...snippets.keys()].filter((name) => name.startsWith('gateway-'))
    // test/dom/frameworks-guide.test.ts
    const ofFrameworks = [...snippets.keys()].filter((name) => /^(react|vue|svelte)(-|$)/.test(name))
    // test/integration/spring.test.ts
    const ofSpring = ['spring-stomp', 'spring-sockjs']
    const elsewhere = [
      ...vitestSnippets,
      jestSnippet,
      testedSnippet,
      testedRoom,
      ...ofSocket,
      ...ofGateway,
      ...ofFrameworks,
      ...ofSpring,
    ]
    expect([...snippets.keys()].sort()).toEqual([...Object.keys(tests), ...elsewhere].sort())
  })

  it('are all the code blocks in docs, except those of DEPLOYMENT.md, which deployment.test.ts covers', () => {
    const withBlocks = ['docs/DEPLOYMENT.md', ...pages.keys()]
    for (const path of pagesIn('docs').filter((each) => !withBlocks.includes(each))) {
      const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
      expect(text.match(/^ *(```|~~~)[a-z]+/gm) ?? [], path).toEqual([])
    }
    for (const [path, text] of pages) {
      const fences = text.match(/^ *(```|~~~)/gm) ?? []
      expect(fences, path).toHaveLength(2 * snippetsOf(text).size)
    }
  })

  it('README.md has at most 300 lines', () => {
    expect(pages.get('README.md')?.split('\n').length).toBeLessThanOrEqual(300)
  })

  it('type-check', () => {
    const ambient = `
      declare function accessToken(options: { fresh: boolean }): Promise<string>
      declare function userOf(auth: unknown): Promise<{ id: string } | null>
      declare const client: import('../../src/index.ts').RealtimeClient
      declare function show(text: string): void
      declare function warn(text: string): void
      declare function loadEverything(): void
      declare function drawFromCache(): void
      declare const user: { readonly id: string }
      declare function ticket(): Promise<string>
      declare function permitOf(token: unknown): { topic: string; expiresAt: number } | null
      declare const location: { assign(url: string): void }
      declare const localStorage: { getItem(name: string): string | null; setItem(name: string, value: string): void }
      declare const sessions: import('steadfast/server').SessionStore
      declare const server: import('steadfast/server').RealtimeServer
      declare module 'my-engine' {
        interface Node {
          readonly topics: import('steadfast/server').TopicLog
          readonly sessions: import('steadfast/server').SessionStore
          close(): Promise<void>
        }
        interface Engine {
          connect(): Promise<Node>
          replicate(): Promise<void>
          promoteReplica(): Promise<void>
          stop(): Promise<void>
        }
        export function startEngine(): Promise<Engine>
      }`
    const typed = [...snippets.values()].filter(({ language }) => language === 'ts')
    expect(typed.length).toBeGreaterThan(8)
    expect(typeErrorsOf(typed, ambient)).toEqual([])
  })

  for (const [name, run] of Object.entries(tests)) {
    it(name, async (context) => {
      const equipment = wanted[name]
      if (equipment) await want(context, equipment)
      if (name.startsWith('redis-')) await want(context, 'redis-server')
      await run()
    })
  }
})

/** The storage engine that the guide about stores imports. */
function engineOfSnippet() {
  const topics: OpenedTopicLog = topicsWithLives()
  const sessions: OpenedSessionStore = sessionsWithLives()
  let left = 1
  let promotions = 0
  const leave = async () => {
    left -= 1
  }
  return {
    async connect() {
      left += 1
      return { topics: topics.nodes[0], sessions: sessions.nodes[0], close: leave }
    },
    replicate: () => sessions.checkpoint?.(),
    promoteReplica() {
      promotions += 1
      return sessions.loseTail?.()
    },
    stop: leave,
    left: () => left,
    promoted: () => promotions > 0,
  }
}

/** A server with this option, whose value is in the scope. */
function serverWith(option: string): Snippet {
  const code = `import { createServer } from 'node:http'
    import { RealtimeServer } from 'steadfast/server'
    new RealtimeServer({ ${option} }).attach(createServer().listen(8080))`
  return { name: `a server with ${option}`, language: 'ts', code }
}

/** The number of lines of a snippet that are not empty. */
function linesOf(name: string): number {
  return snippet(name)
    .code.split('\n')
    .filter((line) => line !== '').length
}

function isOpen({ client }: { readonly client: { readonly state: ClientState } }): boolean {
  return client.state.status === 'open'
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000, interval: 10 })
}
