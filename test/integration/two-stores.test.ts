import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { memoryStore, RealtimeServer } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { startForwarder } from '../support/redis-forwarder.ts'
import { startRoundRobin } from '../support/round-robin.ts'
import { sessionTransports, transportOf } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

interface Balancer extends AsyncDisposable {
  readonly port: number
}

/** A load balancer at the TCP level, as HAProxy in `mode tcp`: each connection goes to the next port, with all its requests. */
function startByConnection(ports: readonly number[]): Promise<Balancer> {
  let next = 0
  return startForwarder(() => ports[next++ % ports.length] ?? 0)
}

interface Behind {
  /** At which interval all connections are cut, so that clients reconnect; `null` if they are not. */
  readonly cutEveryMs: number | null
  readonly startBalancer: (ports: readonly number[]) => Promise<Balancer>
}

/** Starts a server for each store, behind one URL. */
async function started(
  stores: readonly ReturnType<typeof memoryStore>[],
  { cutEveryMs, startBalancer }: Behind = { cutEveryMs: 400, startBalancer: startRoundRobin },
) {
  const errors: string[] = []
  const sockets = new Set<Socket>()
  const nodes = await Promise.all(
    stores.map(async (store) => {
      const http = createServer()
      const server = new RealtimeServer({ ...store, onError: (error) => errors.push(String(error)) })
      server.attach(http)
      http.on('connection', (socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      })
      return { http, server, port: await listenOnLoopback(http) }
    }),
  )
  const balancer = await startBalancer(nodes.map(({ port }) => port))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const cutting = cutEveryMs === null ? undefined : setInterval(cut, cutEveryMs)
  return {
    errors,
    url: `http://127.0.0.1:${balancer.port}/realtime`,
    async [Symbol.asyncDispose]() {
      clearInterval(cutting)
      await Promise.all(nodes.map(({ server }) => server.close()))
      await balancer[Symbol.asyncDispose]()
      await Promise.all(nodes.map(({ http }) => stopListening(http)))
    },
  }
}

/** A client that sends something ten times a second. */
function watched(url: string, type: (typeof sessionTransports)[number]['type']) {
  const one = watchClient(url, {
    protocol: session(),
    transports: [transportOf(type)],
    retry: { minDelayMs: 20, maxDelayMs: 100 },
  })
  const sending = setInterval(() => one.client.send('hello'), 100)
  return {
    client: one.client,
    causes: () => one.of('error').map(({ diagnosis }) => diagnosis.cause),
    opens: () => one.of('open').map(({ resumed }) => resumed),
    async [Symbol.asyncDispose]() {
      clearInterval(sending)
      await one[Symbol.asyncDispose]()
    },
  }
}

const twoStores = 'server.two_stores'

it.concurrent.each(sessionTransports.map(({ type }) => type))(
  '%s: two servers that do not share a store are reported to onError, and once to the client',
  async (type) => {
    await using servers = await started([memoryStore(), memoryStore()])
    await using one = watched(servers.url, type)
    await vi.waitFor(() => {
      expect(one.causes()).toContain(twoStores)
      expect(servers.errors.join()).toContain('two servers with a store of their own')
    }, 15_000)
    expect(one.causes().filter((cause) => cause === twoStores)).toHaveLength(1)
    expect(one.causes()).not.toContain('close.4400')
    expect(one.client.state.status).not.toBe('closed')
  },
)

it.concurrent('a lone client over SSE, whose stream is at one store and whose POSTs come to the other, is reported', async () => {
  await using servers = await started([memoryStore(), memoryStore()], { cutEveryMs: null, startBalancer: startByConnection })
  await using one = watched(servers.url, 'sse')
  await vi.waitFor(() => expect(servers.errors.join()).toContain('two servers with a store of their own'), 15_000)
  expect(one.client.state.status).not.toBe('closed')
})

it.concurrent.each(sessionTransports.map(({ type }) => type))('%s: servers over one store are not reported', async (type) => {
  const store = memoryStore()
  await using servers = await started([store, store])
  await using one = watched(servers.url, type)
  await vi.waitFor(() => expect(one.opens()).not.toEqual([]), 15_000)
  await sleep(5000)
  expect(one.causes()).not.toContain(twoStores)
  expect(one.opens().slice(1)).not.toContain(false)
  expect(servers.errors).toEqual([])
})

it.concurrent.each(sessionTransports.map(({ type }) => type))(
  '%s: a server that was restarted with a new store is not reported',
  async (type) => {
    const errors: string[] = []
    const http = createServer()
    const start = () => {
      const server = new RealtimeServer({ onError: (error) => errors.push(String(error)) })
      server.attach(http)
      return server
    }
    const before = start()
    const port = await listenOnLoopback(http)
    await using one = watched(`http://127.0.0.1:${port}/realtime`, type)
    await vi.waitFor(() => expect(one.opens()).toEqual([false]), 15_000)
    await sleep(500)
    await before.close({ drainMs: 0 })
    const after = start()
    await vi.waitFor(() => expect(one.opens()).toEqual([false, false]), 15_000)
    await sleep(4000)
    expect(one.causes()).not.toContain(twoStores)
    expect(errors).toEqual([])
    await after.close({ drainMs: 0 })
    await stopListening(http)
  },
)
