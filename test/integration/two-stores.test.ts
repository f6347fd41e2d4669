import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { expect, it, vi } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { memoryStore, RealtimeServer } from '../../src/server/index.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { startRoundRobin } from '../support/round-robin.ts'
import { wayOf, ways } from '../support/session-rig.ts'

/** Servers at one URL, each with the store that is given for it; connections are cut again and again, so that clients come back. */
async function started(stores: readonly ReturnType<typeof memoryStore>[]) {
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
  const balancer = await startRoundRobin(nodes.map(({ port }) => port))
  const cutting = setInterval(() => {
    for (const socket of sockets) socket.destroy()
  }, 400)
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

function watched(url: string, type: (typeof ways)[number]['type']) {
  const causes: string[] = []
  const opens: boolean[] = []
  const client = new RealtimeClient(url, {
    ...{ protocol: 'session', transports: [wayOf(type)], retry: { minDelayMs: 20, maxDelayMs: 100 } },
  })
  client.on('error', ({ diagnosis }) => causes.push(diagnosis.cause))
  client.on('open', ({ resumed }) => opens.push(resumed))
  const sending = setInterval(() => client.send('hello'), 100)
  return {
    ...{ causes, opens, client },
    async [Symbol.asyncDispose]() {
      clearInterval(sending)
      await client.close()
    },
  }
}

const twoStores = 'server.two_stores'

it.each(ways.map(({ type }) => type))(
  '%s: two servers with a store of their own each are named on both sides, once',
  async (type) => {
    await using servers = await started([memoryStore(), memoryStore()])
    await using one = watched(servers.url, type)
    await vi.waitFor(() => {
      expect(one.causes).toContain(twoStores)
      expect(servers.errors.join()).toContain('two servers with a store of their own')
    }, 15_000)
    expect(one.causes.filter((cause) => cause === twoStores)).toHaveLength(1)
    expect(one.causes).not.toContain('close.4400')
    expect(one.client.state.status).not.toBe('closed')
  },
)

it.each(ways.map(({ type }) => type))('%s: two servers over one store are not', async (type) => {
  const store = memoryStore()
  await using servers = await started([store, store])
  await using one = watched(servers.url, type)
  await vi.waitFor(() => expect(one.opens.length).toBeGreaterThan(3), 15_000)
  expect(one.causes).not.toContain(twoStores)
  expect(servers.errors).toEqual([])
})
