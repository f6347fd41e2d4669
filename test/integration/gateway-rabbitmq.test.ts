import { Client, type IMessage } from '@stomp/stompjs'
import { describe, expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { type SocketBench, startSockets } from '../support/socket-rig.ts'
import { useBroker } from '../support/use-broker.ts'
import { nodeHost } from '../support/watched-client.ts'

const rabbit = useBroker('RabbitMQ')
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const soon = { timeout: 15_000, interval: 10 }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))

interface Page {
  readonly client: Client
  readonly receipts: string[]
  readonly errors: string[]
  /** How often the client has connected. */
  connects: number
}

/** A page with a stompjs client whose sockets use one transport. */
async function pageOf(sockets: SocketBench, type: TransportName, connected: (client: Client) => void): Promise<Page> {
  const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
  const client = new Client({
    webSocketFactory: () => new Socket(sockets.rig.url, ['v12.stomp', 'v11.stomp']),
    connectHeaders: { login: 'guest', passcode: 'guest' },
    heartbeatIncoming: 400,
    heartbeatOutgoing: 400,
    reconnectDelay: 50,
  })
  const page: Page = { client, receipts: [], errors: [], connects: 0 }
  client.onConnect = () => {
    page.connects += 1
    connected(client)
  }
  client.onUnhandledReceipt = ({ headers }) => void page.receipts.push(headers['receipt-id'] ?? '')
  client.onStompError = ({ headers }) => void page.errors.push(headers['message'] ?? '')
  client.activate()
  await vi.waitFor(() => expect(client.connected).toBe(true), soon)
  return page
}

const start = () => startSockets(gateway({ target: rabbit().url }))

describe.each(transports)('RabbitMQ through the gateway over %s', (type) => {
  it('a queue works with receipts, bytes and heartbeats, despite cuts of all connections', async () => {
    await using sockets = await start()
    const bodies: string[] = []
    const binary: Uint8Array[] = []
    const queue = `/queue/${type}-${Date.now()}`
    const page = await pageOf(sockets, type, (client) => {
      client.subscribe(queue, (message) => {
        if (message.headers['kind'] === 'bytes') binary.push(message.binaryBody)
        else bodies.push(message.body)
      })
    })
    expect(page.client.connectedVersion).toBe('1.2')
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 256)
    page.client.publish({ destination: queue, binaryBody: bytes, headers: { kind: 'bytes' } })
    for (const [index, body] of numbers(60).entries()) {
      page.client.publish({ destination: queue, body, headers: { receipt: `r${body}` } })
      if (index % 20 === 10) sockets.rig.proxy.killAll()
    }
    await vi.waitFor(() => expect(page.receipts).toHaveLength(60), soon)
    await vi.waitFor(() => expect(bodies).toHaveLength(60), soon)
    expect(bodies).toEqual(numbers(60))
    expect(binary).toEqual([bytes])
    // Three heartbeats of each side: a connection that carried none would have been closed.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect([page.client.connected, page.connects, page.errors]).toEqual([true, 1, []])
    await page.client.deactivate()
  })

  it('acknowledgments, redelivery after a nack, and transactions work', async () => {
    await using sockets = await start()
    const seen: [body: string, redelivered: string | undefined][] = []
    const pending: IMessage[] = []
    const queue = `/queue/ack-${type}-${Date.now()}`
    const page = await pageOf(sockets, type, (client) => {
      const take = (message: IMessage) => {
        seen.push([message.body, message.headers['redelivered']])
        pending.push(message)
      }
      client.subscribe(queue, take, { ack: 'client-individual', 'prefetch-count': '1' })
    })
    const transaction = page.client.begin()
    for (const body of ['one', 'two']) page.client.publish({ destination: queue, body, headers: { transaction: transaction.id } })
    const aborted = page.client.begin()
    page.client.publish({ destination: queue, body: 'never', headers: { transaction: aborted.id } })
    aborted.abort()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(seen).toEqual([])
    transaction.commit()
    await vi.waitFor(() => expect(seen).toHaveLength(1), soon)
    pending.shift()?.nack()
    await vi.waitFor(() => expect(seen).toHaveLength(2), soon)
    pending.shift()?.ack()
    await vi.waitFor(() => expect(seen).toHaveLength(3), soon)
    pending.shift()?.ack()
    expect(seen.map(([body]) => body)).toEqual(['one', 'one', 'two'])
    expect(seen[1]?.[1]).toBe('true')
    await page.client.deactivate()
  })
})

it('stompjs reconnects after its session has been ended', async () => {
  await using sockets = await start()
  const queue = `/queue/again-${Date.now()}`
  const bodies: string[] = []
  const page = await pageOf(sockets, 'long-poll', (client) => {
    client.subscribe(queue, ({ body }) => void bodies.push(body))
  })
  await sockets.rig.servers.server().end('anonymous', 4410)
  await vi.waitFor(() => expect(page.connects).toBe(2), soon)
  page.client.publish({ destination: queue, body: 'after' })
  await vi.waitFor(() => expect(bodies).toEqual(['after']), soon)
  await page.client.deactivate()
})

it('the ERROR frame of a broker that rejects the login reaches the page', async () => {
  await using sockets = await start()
  const Socket = webSocketOver({ host: nodeHost, transports: ['sse'] })
  const errors: string[] = []
  const client = new Client({
    webSocketFactory: () => new Socket(sockets.rig.url, ['v12.stomp']),
    connectHeaders: { login: 'guest', passcode: 'wrong' },
    reconnectDelay: 50,
  })
  client.onStompError = ({ headers }) => void errors.push(headers['message'] ?? '')
  client.activate()
  await vi.waitFor(() => expect(errors).toEqual(['Bad CONNECT']), soon)
  await client.deactivate()
})
