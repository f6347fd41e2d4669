import { describe, expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { startBackend } from '../support/gateway-rig.ts'
import { startRedis } from '../support/redis-server.ts'
import { startSockets } from '../support/socket-rig.ts'
import { freshPrefix, useRedis, useStores } from '../support/use-redis.ts'

/** Two gateway servers over one Redis, behind a load balancer without affinity, when Redis goes away. */
describe('two gateways over Redis', () => {
  const redis = useRedis(startRedis)
  const open = useStores(() => redis().port)

  async function startNodes() {
    const backend = await startBackend()
    const prefix = freshPrefix()
    const sockets = await startSockets(() => gateway({ target: backend.url, leaseMs: 10_000 }), {
      count: 2,
      openStore: () => open('node-redis', { prefix, timeoutMs: 500 }),
    })
    return {
      backend,
      sockets,
      async [Symbol.asyncDispose]() {
        await sockets[Symbol.asyncDispose]()
        await backend[Symbol.asyncDispose]()
      },
    }
  }

  it('a restart of Redis that loses everything closes pages and backend connections once, and new pages are served', async () => {
    await using nodes = await startNodes()
    const pages = [nodes.sockets.socket('websocket'), nodes.sockets.socket('sse')]
    for (const { opened } of pages) await opened()
    for (const { socket, data } of pages) {
      socket.send('before')
      await vi.waitFor(() => expect(data).toEqual(['before']), 5000)
    }
    const connections = [...nodes.backend.connections]
    expect(connections).toHaveLength(2)
    await redis().kill()
    await redis().start()
    for (const { closed, log } of pages) {
      await closed(20_000)
      // One `close` each, whatever comes after it.
      expect(log.filter((each) => Array.isArray(each))).toHaveLength(1)
    }
    for (const connection of connections) await vi.waitFor(() => expect(connection.closed).toBeTruthy(), 10_000)
    const later = nodes.sockets.socket('long-poll')
    await later.opened()
    later.socket.send('after')
    await vi.waitFor(() => expect([later.data, later.log]).toEqual([['after'], ['open']]), 30_000)
  })

  it('a pause of Redis of two seconds loses no message and closes nothing', async () => {
    await using nodes = await startNodes()
    const { socket, data, opened, log } = nodes.sockets.socket('websocket')
    await opened()
    socket.send('m0')
    await vi.waitFor(() => expect(data).toEqual(['m0']), 5000)
    redis().signal('SIGSTOP')
    try {
      for (const each of ['m1', 'm2', 'm3']) socket.send(each)
      await new Promise((resolve) => setTimeout(resolve, 2000))
    } finally {
      redis().signal('SIGCONT')
    }
    await vi.waitFor(() => expect([data, log]).toEqual([['m0', 'm1', 'm2', 'm3'], ['open']]), 20_000)
    expect(log).toEqual(['open'])
    expect(nodes.backend.connections).toHaveLength(1)
    expect(nodes.backend.connections[0]?.received).toEqual(['m0', 'm1', 'm2', 'm3'])
  })
})
