import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import type { RealtimeServersOptions } from './realtime-servers.ts'
import { startRig, type TransportName, transportOf } from './session-rig.ts'

/** Requests and topics on two servers behind a balancer without affinity, over a store. */
export function callsContract(
  openStore?: RealtimeServersOptions['openStore'],
  transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll'],
): void {
  const start = (options: RealtimeServersOptions['options']) =>
    startRig({ count: 2, ...(options && { options }), ...(openStore && { openStore }) })

  it.each(transports)('[SP21] requests of both sides over %s are answered once, also if connections are cut', async (type) => {
    const handled: unknown[] = []
    await using rig = await start({
      onRequest(_, { data }) {
        handled.push(data)
        return `re: ${data}`
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)] })
    watched.client.onrequest = ({ data }) => `page: ${data}`
    const asked = Array.from({ length: 40 }, (_, index) => `q${index}`)
    const replies: Promise<unknown>[] = []
    for (const [index, each] of asked.entries()) {
      replies.push(watched.client.request(each))
      if (index % 15 === 14) rig.proxy.killAll()
      await sleep(4)
    }
    expect(await Promise.all(replies)).toEqual(asked.map((each) => `re: ${each}`))
    expect(handled.sort()).toEqual([...asked].sort())
    for (const server of rig.servers.servers) {
      const [session] = await server.sessionsOf('anonymous')
      expect(await session?.request('who?')).toBe('page: who?')
    }
    expect(rig.servers.errors).toEqual([])
  })

  it('[SP22] a permission without expiry lasts, and one that expires is checked again', async () => {
    let isAllowed = true
    await using rig = await start({
      heartbeatMs: 1000,
      onPublish: () => true,
      onSubscribe: (_, topic) => isAllowed && { expiresAt: topic === 'for ever' ? Infinity : Date.now() + 700 },
    })
    await using watched = rig.watch()
    const lasting = watched.client.subscribe('for ever')
    const short = watched.client.subscribe('short')
    const [seen, subscribed] = [[] as unknown[], [] as string[]]
    for (const topic of [lasting, short]) {
      topic.on('message', ({ data }) => seen.push(data))
      topic.on('subscribed', () => subscribed.push(topic.name))
    }
    await vi.waitFor(() => expect(subscribed.filter((each) => each === 'short')).toHaveLength(2), 8000)
    isAllowed = false
    await vi.waitFor(() => expect(short.state).toBe('refused'), 8000)
    expect([lasting.state, subscribed.filter((each) => each === 'for ever')]).toEqual(['subscribed', ['for ever']])
    rig.proxy.killAll()
    await rig.servers.servers[1]?.publish('for ever', 'x')
    await lasting.publish('y')
    await vi.waitFor(() => expect(seen).toEqual(['x', 'y']), 8000)
    expect(rig.servers.errors).toEqual([])
  })

  it('[SP22] a topic delivers its history before new messages, and reports members that join and leave', async () => {
    await using rig = await start({
      onSubscribe: () => true,
      presence: ({ data }) => data,
      onSession: (each) => each.update('ann'),
    })
    for (const each of ['a', 'b', 'c']) await rig.servers.servers[0]?.publish('room', each)
    await using watched = rig.watch()
    const room = watched.client.subscribe('room', { since: { last: 2 } })
    const seen: unknown[] = []
    room.on('message', ({ data }) => seen.push(data))
    const { presence } = room
    await vi.waitFor(() => expect(presence.members).toMatchObject([{ info: 'ann' }]), 8000)
    await rig.servers.servers[1]?.publish('room', 'd')
    await vi.waitFor(() => expect(seen).toEqual(['b', 'c', 'd']), 8000)
    {
      await using other = rig.watch()
      other.client.subscribe('room')
      await vi.waitFor(() => expect(presence.members).toHaveLength(2), 8000)
    }
    await vi.waitFor(() => expect(presence.members).toHaveLength(1), 15_000)
    expect(rig.servers.errors).toEqual([])
  })
}
