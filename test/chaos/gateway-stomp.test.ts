import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@stomp/stompjs'
import { expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { sessionTransports } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'
import { useBroker } from '../support/use-broker.ts'
import { nodeHost } from '../support/watched-client.ts'

const rabbit = useBroker('RabbitMQ')
const count = Number(process.env['CHAOS_MESSAGES'] ?? 10_000)
const spreadMs = Number(process.env['CHAOS_MS'] ?? 20_000)
const seed = seedOf(process.env)

/**
 * A page with stompjs at three gateways without affinity, in front of a RabbitMQ: its messages come back to it, while
 * connections are cut, transports are forbidden, and a node dies that is not the home of its session; in the end the home dies.
 */
it(`[SP20] ${count} STOMP messages each way arrive once and in order, and the home's death raises one close (SEED=${seed})`, {
  timeout: 4 * spreadMs + 120_000,
}, async () => {
  const random = seeded(seed)
  const homes: number[] = []
  const target = rabbit().url
  const options = (index: number) =>
    gateway({
      target: () => {
        homes.push(index)
        return target
      },
      allowedTargets: [new URL(target).origin],
      leaseMs: 3000,
    })
  await using sockets = await startSockets(options, { count: 3 })
  const { rig } = sockets
  const Socket = webSocketOver({ host: nodeHost, transports: sessionTransports })
  const closes: unknown[] = []
  const bodies: string[] = []
  const receipts = new Set<string>()
  const client = new Client({
    webSocketFactory: () => new Socket(rig.url, ['v12.stomp']),
    connectHeaders: { login: 'guest', passcode: 'guest' },
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
  })
  const topic = `/topic/chaos-${seed}`
  client.onConnect = () => client.subscribe(topic, ({ body }) => void bodies.push(body))
  client.onUnhandledReceipt = ({ headers }) => void receipts.add(headers['receipt-id'] ?? '')
  client.onWebSocketClose = ({ code, reason, wasClean }: CloseEvent) => void closes.push([code, reason, wasClean])
  client.activate()
  await vi.waitFor(() => expect(client.connected).toBe(true), 10_000)
  const [home = 0] = homes

  const harm = new AbortController()
  const harmed = (async () => {
    const scopes = ['websocket', 'event-stream', 'other', 'all'] as const
    while (!harm.signal.aborted) {
      const scope = scopes[Math.floor(random() * scopes.length)] ?? 'all'
      const kind = random()
      if (kind < 0.6) rig.proxy.killAll(scope)
      else if (kind < 0.8) await rig.proxy.set({ type: 'refuse-upgrade', status: 403 })
      else await rig.proxy.set({ type: 'reset', only: scope === 'all' ? 'websocket' : scope })
      await sleep(100 + random() * 700)
      await rig.proxy.set({ type: 'pass' })
      await sleep(random() * 500)
    }
  })()
  const batch = 25
  for (let first = 0; first < count; first += batch) {
    for (let n = first; n < Math.min(count, first + batch); n += 1) {
      const headers = n % 100 === 99 ? { receipt: String(n) } : {}
      client.publish({ destination: topic, body: `m${n}`, headers })
    }
    // A node dies that is not the home.
    if (first <= count / 2 && count / 2 < first + batch) rig.servers.kill((home + 1) % 3)
    await sleep((spreadMs * batch) / count)
  }
  harm.abort()
  await harmed
  const wanted = Array.from({ length: count }, (_, n) => `m${n}`)
  await vi.waitFor(() => expect(bodies.length).toBe(count), { timeout: 60_000, interval: 50 })
  expect(bodies).toEqual(wanted)
  expect(receipts.size).toBe(Math.floor(count / 100))
  expect(homes).toEqual([home])
  expect(closes).toEqual([])
  rig.servers.kill(home)
  await vi.waitFor(() => expect(closes).toHaveLength(1), { timeout: 30_000, interval: 50 })
  expect(closes[0]).toEqual([1012, 'the node of this session has ended', true])
  await client.deactivate()
})
