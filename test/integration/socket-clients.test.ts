import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import * as stomp from '@stomp/stompjs'
import type * as graphqlTypes from 'graphql'
import * as graphqlWs from 'graphql-ws'
import mqtt from 'mqtt'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { type ReconnectingSocketShape, reconnectingSocketOver, webSocketOver } from '../../src/socket/index.ts'
import { snippetNamed } from '../support/readme.ts'
import { runSnippet } from '../support/readme-run.ts'
import { startSessionServers } from '../support/readme-session.ts'
import { startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'
import { mqttServer, stompServer } from '../support/socket-servers.ts'
import { nodeHost } from '../support/watched-client.ts'

/** The copy of graphql that graphql-ws uses, since it refuses a schema of another copy. */
const { buildSchema } = createRequire(import.meta.url)('graphql') as typeof graphqlTypes

/** Tests of unmodified clients over `webSocketOver()`, created by the snippets of docs/guide/socket.md. */
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

/** The modules for a snippet, whose sockets connect to this URL over one transport. */
function packageFor(url: string, type: TransportName) {
  const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
  class Here extends Socket {
    constructor(_url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
    }
  }
  return { 'steadfast/socket': { webSocketOver: () => Here } }
}

/** Starts servers behind a proxy; `cut()` breaks its connections. */
async function startBehindProxy(options: RealtimeServerOptions) {
  const bench = await startSockets(options)
  return { bench, url: bench.rig.url, cut: () => bench.rig.proxy.killAll() }
}

describe.each(transports)('over %s', (type) => {
  it('graphql-ws sends a query, keeps a subscription across reconnects, and gets its own close codes', async () => {
    const schema = buildSchema('type Query { hello: String } type Subscription { count: Int }')
    const roots = {
      query: { hello: 'world' },
      subscription: {
        async *count() {
          for (let count = 0; count < 40; count += 1) {
            await sleep(5)
            yield { count }
          }
        },
      },
    }
    const makeServer = (options: object) => graphqlWs.makeServer({ ...options, roots })
    await using servers = await startSessionServers(
      snippetNamed('socket-graphql-server'),
      { schema },
      {
        'graphql-ws': { makeServer },
      },
    )
    const url = `${servers.origins[0]}/realtime`
    const closes: unknown[] = []
    const createClient = (options: graphqlWs.ClientOptions) =>
      graphqlWs.createClient({ ...options, retryAttempts: 0, on: { closed: (event) => void closes.push(event) } })
    const { client } = (await runSnippet(snippetNamed('socket-graphql-client'), {
      ...packageFor(url, type),
      'graphql-ws': { createClient },
    })) as { readonly client: graphqlWs.Client }
    const counted: unknown[] = []
    const counting = new Promise((resolve, reject) => {
      client.subscribe(
        { query: 'subscription { count }' },
        {
          next: ({ data }) => {
            counted.push(data?.['count'])
            if (counted.length % 12 === 0) servers.cut()
          },
          complete: () => resolve(null),
          error: reject,
        },
      )
    })
    const answer = await new Promise((resolve, reject) => {
      client.subscribe({ query: '{ hello }' }, { next: resolve, complete() {}, error: reject })
    })
    expect(answer).toEqual({ data: { hello: 'world' } })
    await counting
    expect(counted).toEqual(Array.from({ length: 40 }, (_, count) => count))
    await client.dispose()
    await vi.waitFor(() => expect(closes).toHaveLength(1))
    expect(closes[0]).toMatchObject({ code: 1000 })
    // graphql-ws closes a client that subscribes before `connection_init`, with a code that steadfast.v1 uses too.
    const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
    const raw = new Socket(url, 'graphql-transport-ws')
    const end = new Promise<CloseEvent>((resolve) => raw.addEventListener('close', resolve))
    raw.onopen = () => raw.send('{"type":"subscribe","id":"1","payload":{"query":"{ hello }"}}')
    expect(await end).toMatchObject({ code: 4401, reason: 'Unauthorized', wasClean: true })
    expect(servers.errors).toEqual([])
  })

  it('stompjs subscribes, sends with receipts across reconnects, and disconnects', async () => {
    const frames: Parameters<typeof stompServer>[0] = []
    const { bench, url, cut } = await startBehindProxy(stompServer(frames))
    await using _ = bench
    const { client } = (await runSnippet(snippetNamed('socket-stomp'), {
      ...packageFor(url, type),
      '@stomp/stompjs': stomp,
    })) as { readonly client: stomp.Client }
    const bodies: string[] = []
    const receipts: string[] = []
    client.onConnect = () => {
      client.subscribe('/topic/a', ({ body }) => void bodies.push(body))
      for (let n = 0; n < 20; n += 1) client.publish({ destination: '/topic/a', body: `m${n}`, headers: { receipt: `r${n}` } })
    }
    client.onUnhandledReceipt = ({ headers }) => void receipts.push(headers['receipt-id'] ?? '')
    await vi.waitFor(() => expect(client.connected).toBe(true), 5000)
    expect(client.connectedVersion).toBe('1.2')
    cut()
    for (let n = 20; n < 30; n += 1) client.publish({ destination: '/topic/a', body: `m${n}`, headers: { receipt: `r${n}` } })
    await vi.waitFor(() => expect(receipts).toHaveLength(30), 10_000)
    expect(bodies).toEqual(Array.from({ length: 30 }, (_, n) => `m${n}`))
    expect(frames.filter(({ command }) => command === 'CONNECT')).toHaveLength(1)
    await client.deactivate()
    expect(frames.at(-1)?.command).toBe('DISCONNECT')
  })

  it('mqtt.js subscribes, publishes across reconnects, and ends', async () => {
    const { bench, url, cut } = await startBehindProxy(mqttServer())
    await using _ = bench
    const { client } = (await runSnippet(snippetNamed('socket-mqtt'), {
      ...packageFor(url, type),
      mqtt: { __esModule: true, default: mqtt },
    })) as { readonly client: mqtt.MqttClient }
    const payloads: string[] = []
    client.on('message', (_topic, payload) => void payloads.push(String(payload)))
    await client.subscribeAsync('a')
    for (let n = 0; n < 20; n += 1) {
      await client.publishAsync('a', `m${n}`, { qos: 1 })
      if (n === 10) cut()
    }
    await vi.waitFor(() => expect(payloads).toHaveLength(20), 5000)
    expect(payloads).toEqual(Array.from({ length: 20 }, (_, n) => `m${n}`))
    await client.endAsync()
  })
})

it('the first snippets of the guide exchange a message, and close with a code', async () => {
  const lines: unknown[] = []
  const log = (...said: unknown[]) => void lines.push(said)
  await using servers = await startSessionServers(snippetNamed('socket-server'), { console: { log } })
  const url = `${servers.origins[0]}/realtime`
  const shown: string[] = []
  const made: WebSocket[] = []
  class Here extends webSocketOver({ host: nodeHost, transports: ['sse'] }) {
    constructor(_url: string, protocols: string[]) {
      super(url, protocols)
      made.push(this)
    }
  }
  const show = (text: string) => void shown.push(text)
  await runSnippet(snippetNamed('socket'), { 'steadfast/socket': { webSocketOver: () => Here } }, { show, console: { log } })
  await vi.waitFor(() => expect(shown).toEqual(['hello in chat.v2']), 5000)
  made[0]?.close(4321, 'enough')
  await vi.waitFor(() => expect(lines).toHaveLength(2), 5000)
  expect(lines).toEqual(
    expect.arrayContaining([
      [4321, null],
      ['chat.v2', 'client', 4321, 'enough'],
    ]),
  )
})

it('the reconnecting socket of the guide gets a ticket before each connect, and reconnects after a close', async () => {
  await using rig = await startRig({
    options: { onMessage: (session, { data }) => session.close(Number(data) || 4001, 'back soon') },
  })
  const urls: string[] = []
  let tickets = 0
  const Below = reconnectingSocketOver({ host: nodeHost, transports: ['websocket'] })
  class Here extends Below {
    constructor(url: () => Promise<string>, ...rest: [string[], object]) {
      super(
        async () => {
          urls.push(await url())
          return rig.url
        },
        ...rest,
      )
    }
  }
  const { socket } = (await runSnippet(
    snippetNamed('socket-reconnecting'),
    { 'steadfast/socket': { reconnectingSocketOver: () => Here } },
    {
      ticket: async () => {
        tickets += 1
        return String(tickets)
      },
    },
  )) as { readonly socket: ReconnectingSocketShape }
  const codes: number[] = []
  socket.onclose = ({ code }) => void codes.push(code)
  await vi.waitFor(() => expect(codes).toEqual([4001]), 5000)
  await vi.waitFor(() => expect(socket.readyState).toBe(1), 5000)
  expect(urls).toEqual(['1', '2'].map((ticket) => `ws://localhost:8080/realtime?ticket=${ticket}`))
  socket.close()
})
