import { Client } from '@stomp/stompjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { gateway } from '../../src/gateway/index.ts'
import { RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { SockJS, type SockJSTransport, sockjs } from '../../src/sockjs/index.ts'
import { snippetNamed } from '../support/readme.ts'
import { runSnippet } from '../support/readme-run.ts'
import { sessionTransports } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'
import { type Spring, startSpring, useSpring } from '../support/spring.ts'
import { nodeHost, watchClient } from '../support/watched-client.ts'

const transports: readonly SockJSTransport[] = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling']

/** The Spring application of the tests is a typical one: STOMP with the simple broker, over WebSocket and over SockJS. */
describe('Spring', () => {
  let spring: Spring
  const clients: RealtimeClient[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })
  useSpring((started) => {
    spring = started
  })

  /** A subscribed STOMP client, and a log of the messages that it receives. */
  async function subscribed(webSocketFactory: NonNullable<Client['webSocketFactory']>) {
    const got: string[] = []
    const client = new Client({ webSocketFactory, reconnectDelay: 0 })
    await new Promise<void>((resolve) => {
      client.onConnect = () => {
        client.subscribe('/user/queue/echo', ({ body }) => void got.push(`echo ${body}`))
        client.subscribe('/topic/chat', ({ body }) => void got.push(`chat ${body}`), { receipt: 'subscribed' })
        client.watchForReceipt('subscribed', () => resolve())
      }
      client.activate()
    })
    return { client, got }
  }

  async function echoesAndBroadcasts(webSocketFactory: NonNullable<Client['webSocketFactory']>) {
    const { client, got } = await subscribed(webSocketFactory)
    const sent = vi.fn()
    client.watchForReceipt('sent', sent)
    client.publish({ destination: '/app/echo', body: 'one é漢😀 100% %25 \0' })
    client.publish({ destination: '/app/chat', body: 'two', headers: { receipt: 'sent' } })
    await vi.waitFor(() => expect(got.toSorted()).toEqual(['chat two', 'echo one é漢😀 100% %25 \0']), 10_000)
    await vi.waitFor(() => expect(sent).toHaveBeenCalledOnce(), 10_000)
    const many = Array.from({ length: 200 }, (_, n) => `${n}`)
    for (const body of many) client.publish({ destination: '/app/chat', body })
    // The handlers of Spring run in a thread pool: messages sent in order may be broadcast in another order.
    await vi.waitFor(() => expect(got).toHaveLength(202), 10_000)
    expect(got.slice(2).toSorted()).toEqual(many.map((body) => `chat ${body}`).toSorted())
    const closed = vi.fn()
    client.onWebSocketClose = closed
    await client.deactivate()
    // stompjs closes without a code; some sockets report the code with which the server answers.
    expect([1000, 1005]).toContain(closed.mock.calls[0]?.[0].code)
  }

  it('speaks STOMP over a WebSocket at /ws, with receipts', () =>
    echoesAndBroadcasts(() => new WebSocket(`${spring.origin}/ws`, ['v12.stomp']) as never))

  it.each(sessionTransports)('speaks STOMP at /ws through the gateway over $type, across reconnects', async (transport) => {
    await using sockets = await startSockets(gateway({ target: `${spring.origin.replace('http', 'ws')}/ws` }))
    const Socket = webSocketOver({ host: nodeHost, transports: [transport] })
    const cutting = setInterval(() => sockets.rig.proxy.killAll(), 150)
    try {
      await echoesAndBroadcasts(() => new Socket(sockets.rig.url, ['v12.stomp']))
    } finally {
      clearInterval(cutting)
    }
    expect(sockets.rig.servers.errors).toEqual([])
  })

  it.each(transports)('speaks STOMP through SockJS over %s', async (transport) => {
    let socket: SockJS | null = null
    await echoesAndBroadcasts(() => {
      socket = new SockJS(`${spring.origin}/sockjs`, null, { host: nodeHost, transports: [transport] })
      return socket
    })
    expect((socket as unknown as SockJS).transport).toBe(transport)
  })

  it.each(transports)('sends its close code through SockJS over %s', async (transport) => {
    const socket = new SockJS(`${spring.origin}/echo`, null, { host: nodeHost, transports: [transport] })
    const got: unknown[] = []
    socket.onopen = () => {
      socket.send('100% %25 \ud800 \u2028')
      socket.send('close 4001 server says bye')
    }
    socket.onmessage = ({ data }) => void got.push(data)
    socket.onclose = ({ code, reason, wasClean }) => void got.push([code, reason, wasClean])
    await vi.waitFor(() => expect(got).toHaveLength(2), 10_000)
    expect(got).toEqual(['100% %25 \ud800 \u2028', [4001, 'server says bye', true]])
  })

  it.each(['websocket', 'sse', 'long-poll'] as const)('exchanges messages with sockjs() over %s', async (transport) => {
    await using watched = watchClient(`${spring.origin}/echo`, { protocol: sockjs(), transports: [transport] })
    await watched.nth('open')
    const many = ['lone \ud800', '100% %25', ...Array.from({ length: 500 }, (_, n) => `number ${n}`)]
    for (const text of many) watched.client.send(text)
    await vi.waitFor(() => expect(watched.data).toHaveLength(many.length), 10_000)
    expect(watched.data).toEqual(many)
    watched.client.send('close 4001 server says bye')
    expect(await watched.nth('close')).toMatchObject({ code: 4001, reason: 'server says bye', wasClean: true })
    await watched.nth('open', 2)
  })

  it('is reached again by sockjs() after a restart', async () => {
    const first = await startSpring()
    await using watched = watchClient(`${first.origin}/echo`, { protocol: sockjs(), retry: { minDelayMs: 50, maxDelayMs: 200 } })
    await watched.nth('open')
    await first[Symbol.asyncDispose]()
    await watched.nth('close')
    await using _second = await startSpring(first.port)
    await watched.nth('open', 2, 20_000)
    watched.client.send('back')
    await vi.waitFor(() => expect(watched.data).toEqual(['back']), 5000)
  })

  it('works with the STOMP client of docs/guide/spring.md', async () => {
    const show = vi.fn()
    const { client } = (await runSnippet(
      snippetNamed('spring-stomp'),
      { '@stomp/stompjs': { Client }, ...packageHere() },
      { show },
    )) as {
      client: Client
    }
    await vi.waitFor(() => expect(show.mock.calls).toEqual([['hello']]), 10_000)
    await client.deactivate()
  })

  it('works with the client without STOMP of docs/guide/spring.md', async () => {
    const log = vi.fn()
    await runSnippet(snippetNamed('spring-sockjs'), packageHere(), { console: { log } })
    await vi.waitFor(() => expect(log.mock.calls).toEqual([['hello']]), 10_000)
  })

  /** The modules of the package for a page of this application. */
  function packageHere() {
    const host = { ...nodeHost, baseUrl: `${spring.origin}/` }
    class Socket extends SockJS {
      constructor(url: string) {
        super(url, undefined, { host })
      }
    }
    class Client extends RealtimeClient {
      constructor(url: string, options: RealtimeOptions) {
        super(url, { ...options, host })
        clients.push(this)
      }
    }
    return { 'steadfast/sockjs': { SockJS: Socket, sockjs }, steadfast: { RealtimeClient: Client } }
  }
})
