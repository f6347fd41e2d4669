import { Client, type IFrame, type IMessage } from '@stomp/stompjs'
import mqtt from 'mqtt'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { type Broker, startMosquitto, startRabbitMq } from '../support/brokers.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { type SocketBench, startSockets } from '../support/socket-rig.ts'
import { nodeHost } from '../support/watched-client.ts'

/** Clients as they are, over what they take for a WebSocket, to brokers that have never heard of steadfast. */
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const soon = { timeout: 15_000, interval: 10 }

function socketFor(bench: SocketBench, type: TransportName, protocols: string | string[]): WebSocket {
  const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
  return new Socket(bench.rig.url, protocols)
}

describe('RabbitMQ and stompjs', () => {
  let broker: Broker | undefined
  beforeAll(async () => {
    if (await isEquippedWith('RabbitMQ')) broker = await startRabbitMq()
  }, 90_000)
  afterAll(async () => broker?.[Symbol.asyncDispose]())
  beforeEach((context) => want(context, 'RabbitMQ'))

  interface Stomp extends AsyncDisposable {
    readonly bench: SocketBench
    readonly client: Client
    /** The frames of CONNECTED, in order. */
    readonly connected: IFrame[]
    readonly errors: string[]
    receipt(send: (id: string) => void): Promise<IFrame>
  }

  async function start(type: TransportName): Promise<Stomp> {
    const bench = await startSockets(gateway({ target: broker?.url ?? '' }))
    const connected: IFrame[] = []
    const errors: string[] = []
    let receipts = 0
    const client = new Client({
      webSocketFactory: () => socketFor(bench, type, ['v12.stomp', 'v11.stomp']),
      connectHeaders: { login: 'guest', passcode: 'guest', host: '/' },
      ...{ heartbeatIncoming: 1000, heartbeatOutgoing: 1000, reconnectDelay: 100 },
      onConnect: (frame) => connected.push(frame),
      onStompError: (frame) => errors.push(frame.headers['message'] ?? ''),
    })
    client.activate()
    await vi.waitFor(() => expect(connected).toHaveLength(1), soon)
    return {
      ...{ bench, client, connected, errors },
      receipt(send) {
        receipts += 1
        const id = `r${receipts}`
        return new Promise((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`no receipt ${id}`)), 10_000)
          client.watchForReceipt(id, (frame) => {
            clearTimeout(timer)
            resolve(frame)
          })
          send(id)
        })
      },
      async [Symbol.asyncDispose]() {
        await client.deactivate()
        await bench[Symbol.asyncDispose]()
      },
    }
  }

  describe.each(transports)('over %s', (type) => {
    const queue = (name: string) => `/queue/${type}-${name}`

    it('connects, subscribes, and gets receipts, text, bytes and headers in order, through cuts', async () => {
      await using stomp = await start(type)
      const { client, bench } = stomp
      expect(stomp.connected[0]?.headers['version']).toBe('1.2')
      const got: IMessage[] = []
      await stomp.receipt((receipt) => client.subscribe(queue('a'), (message) => got.push(message), { receipt }))
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      client.publish({ destination: queue('a'), binaryBody: bytes, headers: { 'x-mine': 'a:b' } })
      for (let n = 0; n < 60; n += 1) {
        await stomp.receipt((receipt) => client.publish({ destination: queue('a'), body: `m${n}`, headers: { receipt } }))
        if (n % 20 === 10) bench.rig.proxy.killAll()
      }
      await vi.waitFor(() => expect(got).toHaveLength(61), soon)
      expect([...(got[0]?.binaryBody ?? [])]).toEqual([...bytes])
      expect(got[0]?.headers['x-mine']).toBe('a:b')
      expect(got.slice(1).map(({ body }) => body)).toEqual(Array.from({ length: 60 }, (_, n) => `m${n}`))
      expect([stomp.connected.length, stomp.errors]).toEqual([1, []])
    })

    it('acknowledges, rejects, and commits and aborts transactions', async () => {
      await using stomp = await start(type)
      const { client } = stomp
      const got: IMessage[] = []
      await stomp.receipt((receipt) =>
        client.subscribe(queue('b'), (message) => got.push(message), {
          receipt,
          ack: 'client-individual',
          'prefetch-count': '1',
        }),
      )
      client.publish({ destination: queue('b'), body: 'one' })
      client.publish({ destination: queue('b'), body: 'two' })
      await vi.waitFor(() => expect(got).toHaveLength(1), soon)
      got[0]?.nack()
      await vi.waitFor(() => expect(got.length).toBeGreaterThan(1), soon)
      for (let seen = 1; seen < 10 && !got.slice(1).some(({ body }) => body === 'two'); seen += 1) {
        got[seen]?.ack()
        await vi.waitFor(() => expect(got.length).toBeGreaterThan(seen + 1), soon)
      }
      got.at(-1)?.ack()
      expect(got.map(({ body }) => body)).toEqual(expect.arrayContaining(['one', 'two']))
      const before = got.length
      const aborted = client.begin()
      client.publish({ destination: queue('b'), body: 'never', headers: { transaction: aborted.id } })
      aborted.abort()
      const committed = client.begin()
      client.publish({ destination: queue('b'), body: 'later', headers: { transaction: committed.id } })
      committed.commit()
      await vi.waitFor(() => expect(got.slice(before).map(({ body }) => body)).toEqual(['later']), soon)
      got.at(-1)?.ack()
      expect(stomp.errors).toEqual([])
    })
  })

  it('heartbeats keep an idle connection, and a lost session makes stompjs connect again', async () => {
    await using stomp = await start('websocket')
    await new Promise((resolve) => setTimeout(resolve, 4000))
    expect([stomp.client.connected, stomp.connected.length]).toEqual([true, 1])
    const { store } = stomp.bench.rig.servers
    for (const id of await store.sessions.sessionsOf('anonymous')) {
      const read = await store.sessions.read(id)
      await store.sessions.remove(id, read?.version ?? 0)
    }
    stomp.bench.rig.proxy.killAll()
    await vi.waitFor(() => expect(stomp.connected).toHaveLength(2), soon)
  })

  it('a wrong password is told, and a subprotocol that the broker does not speak fails', async () => {
    await using bench = await startSockets(gateway({ target: broker?.url ?? '' }))
    const errors: string[] = []
    const client = new Client({
      webSocketFactory: () => socketFor(bench, 'sse', ['v12.stomp']),
      connectHeaders: { login: 'guest', passcode: 'wrong', host: '/' },
      reconnectDelay: 0,
      onStompError: (frame) => errors.push(frame.headers['message'] ?? ''),
    })
    client.activate()
    await vi.waitFor(() => expect(errors).toEqual(['Bad CONNECT']), soon)
    await client.deactivate({ force: true })
    const { closed } = bench.socket('websocket', 'mqtt')
    const { diagnosis } = await closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4410, reason: 'the backend speaks none of the subprotocols offered' })
  })
})

describe('mosquitto and mqtt.js', () => {
  let broker: Broker | undefined
  beforeAll(async () => {
    if (await isEquippedWith('mosquitto')) broker = await startMosquitto()
  }, 60_000)
  afterAll(async () => broker?.[Symbol.asyncDispose]())
  beforeEach((context) => want(context, 'mosquitto'))

  it.each(transports)('over %s: subscribes, publishes with each quality of service through cuts, and pings', async (type) => {
    await using bench = await startSockets(gateway({ target: broker?.url ?? '' }))
    const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
    const client = mqtt.connect(bench.rig.url.replace('http', 'ws'), {
      ...{ clientId: `of-${type}`, keepalive: 1, reconnectPeriod: 0, forceNativeWebSocket: true },
      createWebsocket: (_url, protocols) => new Socket(bench.rig.url, protocols),
    })
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    const got: string[] = []
    client.on('message', (_, payload) => got.push(payload.toString()))
    await vi.waitFor(() => expect(client.connected).toBe(true), soon)
    await client.subscribeAsync(`t/${type}`, { qos: 2 })
    for (let n = 0; n < 30; n += 1) {
      await client.publishAsync(`t/${type}`, `m${n}`, { qos: (n % 3) as 0 | 1 | 2 })
      if (n === 10 || n === 20) bench.rig.proxy.killAll()
    }
    await vi.waitFor(() => expect(got).toHaveLength(30), soon)
    expect([...got].sort((one, other) => Number(one.slice(1)) - Number(other.slice(1)))).toEqual(
      Array.from({ length: 30 }, (_, n) => `m${n}`),
    )
    // Its keepalive of one second is answered.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect([client.connected, errors]).toEqual([true, []])
    await client.endAsync()
  })
})
