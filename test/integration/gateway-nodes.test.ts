import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { startBackend, startGateway } from '../support/gateway-rig.ts'
import type { TransportName } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'

const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

/** Three gateway servers over one store, behind a load balancer without affinity. */
async function startNodes() {
  const backend = await startBackend()
  const sockets = await startSockets(() => gateway({ target: backend.url, leaseMs: 2000 }), { count: 3 })
  return {
    backend,
    sockets,
    rig: sockets.rig,
    async [Symbol.asyncDispose]() {
      await sockets[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}

describe.each(transports)('three gateways without affinity, over %s', (type) => {
  it("[SP20] one backend connection gets all of a page's messages once and in order, despite cuts", async () => {
    await using nodes = await startNodes()
    const { socket, data, opened, log } = nodes.sockets.socket(type)
    await opened()
    const sent = Array.from({ length: 400 }, (_, index) => `m${index}`)
    for (const [index, each] of sent.entries()) {
      socket.send(each)
      if (index % 100 === 99) nodes.rig.proxy.killAll()
      if (index % 10 === 9) await sleep(4)
    }
    await vi.waitFor(() => expect(data).toHaveLength(sent.length), 20_000)
    const [connection] = nodes.backend.connections
    expect(nodes.backend.connections).toHaveLength(1)
    expect(connection?.received).toEqual(sent)
    expect(data).toEqual(sent)
    expect(log).toEqual(['open'])
    socket.close(4321, 'done')
    await vi.waitFor(() => expect(connection?.closed).toEqual({ code: 4321, reason: 'done' }), 5000)
  })

  it("[SP20] the backend's close code reaches the page, whichever node holds the backend connection", async () => {
    await using nodes = await startNodes()
    const pages = Array.from({ length: 4 }, () => nodes.sockets.socket(type))
    for (const { opened } of pages) await opened()
    for (const { socket } of nodes.backend.connections) socket.close(4567, 'of the backend')
    for (const { closed, log } of pages) {
      expect(await closed(8000)).toMatchObject({ code: 4567, reason: 'of the backend', wasClean: true })
      expect(log).toHaveLength(2)
    }
  })
})

it.each(transports)(
  '[SP20] when all nodes close, the page is closed with 1012 and the backend with 1001 at once, over %s',
  async (type) => {
    await using nodes = await startNodes()
    const { opened, closed } = nodes.sockets.socket(type)
    await opened()
    const [connection] = nodes.backend.connections
    await Promise.all([0, 1, 2].map((index) => nodes.rig.servers.leave(index, 2000)))
    expect(await closed(3000)).toMatchObject({ code: 1012, wasClean: true })
    await vi.waitFor(() => expect(connection?.closed).toMatchObject({ code: 1001 }), 3000)
  },
)

describe('a gateway that closes', () => {
  it('tells its pages that come only later, refuses new ones, and waits no longer than it takes', async () => {
    await using bench = await startGateway()
    const { servers } = bench.sockets.rig
    const transports = [{ type: 'poll' as const, url: '?transport=poll', intervalMs: 700 }]
    const { opened, closed, log } = bench.socket('poll', [], { transports })
    await opened()
    await sleep(100)
    const before = performance.now()
    const leaving = servers.leave(0, 5000)
    await vi.waitFor(() => expect(bench.backend.connections[0]?.closed).toMatchObject({ code: 1001 }), 3000)
    const late = bench.socket('poll')
    expect(await late.closed()).toMatchObject({ code: 1006, wasClean: false })
    await leaving
    expect(await closed(1000)).toMatchObject({ code: 1012, reason: 'restarting', wasClean: true })
    expect(log).toHaveLength(2)
    expect(performance.now() - before).toBeLessThan(3000)
  })

  it('waits for a page that never comes no longer than `drainMs`', async () => {
    await using bench = await startGateway()
    const { rig } = bench.sockets
    const transports = [{ type: 'poll' as const, url: '?transport=poll', intervalMs: 60_000 }]
    await bench.socket('poll', [], { transports }).opened()
    const before = performance.now()
    await rig.servers.leave(0, 500)
    expect(performance.now() - before).toBeLessThan(1500)
  })

  it('delivers what the backend has sent to a page that reads slowly, and then ends it', async () => {
    const block = 'x'.repeat(100_000)
    let isRead = false
    await using bench = await startGateway({
      onConnection({ socket }) {
        for (let index = 0; index < 20; index += 1) socket.send(block)
        // The gateway answers the ping once it has read everything before it.
        socket.once('pong', () => {
          isRead = true
        })
        socket.ping()
      },
    })
    const { opened, closed, data } = bench.socket('poll')
    await opened()
    await vi.waitFor(() => expect(isRead).toBe(true), 5000)
    await bench.sockets.rig.servers.leave(0, 5000)
    expect(await closed(1000)).toMatchObject({ code: 1012, wasClean: true })
    expect(data).toHaveLength(20)
  })
})
