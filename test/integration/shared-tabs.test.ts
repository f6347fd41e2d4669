import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import type { TopicEvent } from '../../src/api/calls.ts'
import type { Host, PageSignal } from '../../src/api/host.ts'
import type { RealtimeOptions } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { localTabs } from '../support/local-tabs.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/** Starts a real server, and opens tabs of one browser; the test decides when a page is in the back/forward cache. */
async function start(transports: RealtimeOptions['transports'] = ['websocket']) {
  let asked = 0
  const servers = await RealtimeServers.start({ options: { onSubscribe: () => ++asked > 0 } })
  const tabs = localTabs()
  const watched: WatchedClient[] = []
  return {
    servers,
    /** How often onSubscribe was called. */
    asked: () => asked,
    publish: (data: string) => servers.servers[0]?.publish('news', data),
    async open() {
      const listeners = new Set<Parameters<Host['listen']>[0]>()
      const listen: Host['listen'] = (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      }
      const options = { protocol: session(), connection: shared({ key: 'somebody' }), transports }
      const tab = watchClient(servers.urls[0] ?? '', { ...options, host: { tabs, listen } })
      watched.push(tab)
      tab.client.connect()
      await tab.nth('open')
      const signal = (given: PageSignal) => {
        for (const each of [...listeners]) each(given)
      }
      return Object.assign(tab, {
        leave: () => signal({ type: 'pagehide' }),
        comeBack: () => signal({ type: 'pageshow', persisted: true }),
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(watched.map((each) => each[Symbol.asyncDispose]()))
      await servers[Symbol.asyncDispose]()
    },
  }
}

const topicLog = (tab: WatchedClient, since?: 'start') => {
  const log: string[] = []
  const topic = tab.client.subscribe<string>('news', { since })
  topic.on('message', ({ data }) => log.push(data))
  topic.on('gap', ({ after, resumesAt }: TopicEvent<'gap', string>) => log.push(`gap ${after} ${resumesAt}`))
  topic.on('state', ({ state }) => log.push(state))
  return { topic, log }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index))

it.each(['follows', 'leads'])('a suspended tab that %s gets the messages that it missed, once and in order', async (role) => {
  await using rig = await start()
  const [first, second] = [await rig.open(), await rig.open()]
  const [away, other] = role === 'leads' ? [first, second] : [second, first]
  const { log } = topicLog(away)
  topicLog(other)
  await vi.waitFor(() => expect(log).toEqual(['subscribed']), 5000)
  for (const each of numbers(1, 3)) await rig.publish(each)
  await vi.waitFor(() => expect(log).toEqual(['subscribed', '1', '2', '3']), 5000)
  away.leave()
  for (const each of numbers(4, 40)) await rig.publish(each)
  await vi.waitFor(() => expect(other.data).toEqual(numbers(1, 40)), 8000)
  away.comeBack()
  await rig.publish('41')
  await vi.waitFor(() => expect(log).toEqual(['subscribed', ...numbers(1, 41)]), 8000)
  expect(away.data).toEqual(numbers(1, 41))
  expect([...away.of('gap'), ...other.of('gap')]).toEqual([])
  expect(other.data).toEqual(numbers(1, 41))
})

it('a suspended tab that missed more messages than the others keep gets the last ones, after a gap', async () => {
  await using rig = await start()
  const [other, away] = [await rig.open(), await rig.open()]
  const { log } = topicLog(away)
  topicLog(other)
  await vi.waitFor(() => expect(log).toEqual(['subscribed']), 5000)
  await rig.publish('1')
  await vi.waitFor(() => expect(log).toEqual(['subscribed', '1']), 5000)
  away.leave()
  for (const each of numbers(2, 1300)) await rig.publish(each)
  await sleep(200)
  away.comeBack()
  await vi.waitFor(() => expect(log.at(-1)).toBe('1300'), 8000)
  const [, after, resumesAt] = (log[2] ?? '').split(' ').map(Number)
  expect([after, log[2]]).toEqual([1, `gap 1 ${resumesAt}`])
  expect(resumesAt).toBeLessThan(802)
  expect(log.slice(3)).toEqual(numbers(resumesAt ?? 0, 1300))
  expect(away.of('gap').filter(({ topic }) => topic === 'news')).toHaveLength(1)
})

it('a suspended tab subscribes again to a topic from which the others have unsubscribed', async () => {
  await using rig = await start()
  const [other, away] = [await rig.open(), await rig.open()]
  const { log } = topicLog(away)
  const shared = topicLog(other)
  await vi.waitFor(() => expect([log, shared.log]).toEqual([['subscribed'], ['subscribed']]), 5000)
  away.leave()
  shared.topic.unsubscribe()
  await sleep(600)
  await rig.publish('meanwhile')
  await sleep(100)
  expect(other.data).toEqual([])
  away.comeBack()
  await vi.waitFor(() => expect(log).toEqual(['subscribed', 'meanwhile']), 5000)
  expect(rig.asked()).toBe(3)
})

it('a tab that unsubscribes from a topic does not unsubscribe the others', async () => {
  await using rig = await start()
  const [first, second] = [await rig.open(), await rig.open()]
  const [one, other] = [topicLog(first), topicLog(second)]
  await vi.waitFor(() => expect([one.log, other.log]).toEqual([['subscribed'], ['subscribed']]), 5000)
  one.topic.unsubscribe()
  await sleep(600)
  await rig.publish('1')
  await vi.waitFor(() => expect(other.log).toEqual(['subscribed', '1']), 5000)
  // Each tab subscribed once, and not again.
  expect(rig.asked()).toBe(2)
  other.topic.unsubscribe()
  await vi.waitFor(async () => {
    const last = first.data.length
    await rig.publish('x')
    await sleep(50)
    expect(first.data).toHaveLength(last)
  }, 5000)
})

it.each(['leads', 'follows'])('flushed() of a tab that %s does not wait for the next poll', async (role) => {
  await using rig = await start([{ type: 'poll', url: '?transport=poll', intervalMs: 600_000 }])
  const [first, second] = [await rig.open(), await rig.open()]
  const { client } = role === 'leads' ? first : second
  client.send('1')
  await client.flushed()
  client.send('2')
  await sleep(500)
  await client.flushed()
})
