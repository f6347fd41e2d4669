import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { TopicOptions } from '../../src/api/calls.ts'
import { type RigTab, startTabRig } from '../support/tab-rig.ts'

const rules = { onSubscribe: () => true, presence: () => 'somebody', presenceTimeoutMs: 1000 }

const use = async ({ client }: RigTab, name: string, options?: TopicOptions) => {
  const log: unknown[] = []
  const topic = client.subscribe<string>(name, options)
  topic.on('message', ({ data }) => log.push(data))
  topic.on('gap', ({ after, resumesAt }) => log.push(`gap ${after} ${resumesAt}`))
  topic.on('error', ({ error }) => log.push(error.code))
  await vi.waitFor(() => expect(topic.state).toBe('subscribed'), 5000)
  return { topic, log }
}

type Ending = readonly [how: string, end: (tab: RigTab) => unknown]
const endings: readonly Ending[] = [
  ['is closed by its user', (tab) => tab.leave()],
  ['closes its client', (tab) => tab.client.close()],
  ['crashes', (tab) => tab.crash()],
]

const start = async () => {
  const rig = await startTabRig(rules)
  const members = async (topic: string) => (await rig.server.presence(topic)).length
  return Object.assign(rig, { members })
}

describe.each(endings)('the topics of a tab that %s', (_, end) => {
  it.each(['follows', 'leads'])('are unsubscribed if it %s, but not those that another tab uses', async (role) => {
    await using rig = await start()
    const [first, second] = [await rig.open(), await rig.open()]
    const [gone, other] = role === 'leads' ? [first, second] : [second, first]
    await use(gone, 'one')
    await use(gone, 'two')
    await use(gone, 'both')
    const { log } = await use(other, 'both')
    end(gone)
    await vi.waitFor(async () => {
      expect([await rig.members('one'), await rig.members('two'), await rig.members('both')]).toEqual([0, 0, 1])
    }, 8000)
    await rig.server.publish('one', 'to nobody')
    await rig.server.publish('both', 'to one')
    await vi.waitFor(() => expect(log).toEqual(['to one']), 5000)
    expect(other.data).toEqual(['to one'])
    // It can be used again.
    const again = await use(other, 'one')
    await rig.server.publish('one', 'again')
    await vi.waitFor(() => expect(again.log).toEqual(['again']), 5000)
    expect([rig.servers.errors, other.reported]).toEqual([[], []])
  })
})

it('topics of tabs that were closed do not count towards the limit on subscriptions', async () => {
  await using rig = await startTabRig({ ...rules, limits: { maxSubscriptions: 4 } })
  await rig.open()
  for (let n = 0; n < 8; n += 1) {
    const tab = await rig.open()
    await use(tab, `document ${n}`)
    tab.leave()
    await sleep(50)
  }
})

it('a frozen tab keeps its topics when others are closed, and loses them when it is killed', async () => {
  await using rig = await start()
  const [, frozen, other] = [await rig.open(), await rig.open(), await rig.open()]
  const { log } = await use(frozen, 'news')
  await use(other, 'news')
  frozen.freeze()
  other.leave()
  await sleep(400)
  expect(await rig.members('news')).toBe(1)
  await rig.server.publish('news', '1')
  await sleep(100)
  frozen.thaw()
  await vi.waitFor(() => expect(log).toEqual(['1']), 5000)
  frozen.freeze()
  frozen.crash()
  await vi.waitFor(async () => expect(await rig.members('news')).toBe(0), 5000)
})

describe('a tab in the back/forward cache', () => {
  /** Two tabs, of which the second has left after the first message of the topic that it alone uses. */
  async function withTabAway(rig: Awaited<ReturnType<typeof start>>) {
    const [other, away] = [await rig.open(), await rig.open()]
    const { log } = await use(away, 'news')
    await rig.server.publish('news', '1')
    await vi.waitFor(() => expect(log).toEqual(['1']), 5000)
    away.leave()
    await vi.waitFor(async () => expect(await rig.members('news')).toBe(0), 5000)
    return { other, away, log }
  }

  it('has no topics meanwhile, and misses no message of them', async () => {
    await using rig = await start()
    const { other, away, log } = await withTabAway(rig)
    for (const each of ['2', '3']) await rig.server.publish('news', each)
    away.comeBack()
    await vi.waitFor(() => expect(log).toEqual(['1', '2', '3']), 5000)
    expect(await rig.members('news')).toBe(1)
    await rig.server.publish('news', '4')
    await vi.waitFor(() => expect(log).toEqual(['1', '2', '3', '4']), 5000)
    expect(other.of('gap')).toEqual([])
    // It is known to use the topic.
    await use(other, 'news')
    other.leave()
    await sleep(300)
    await rig.server.publish('news', '5')
    await vi.waitFor(() => expect(log).toEqual(['1', '2', '3', '4', '5']), 5000)
  })

  it('misses none either if another tab subscribes to them meanwhile', async () => {
    await using rig = await start()
    const { other, away, log } = await withTabAway(rig)
    await rig.server.publish('news', '2')
    const others = await use(other, 'news')
    await rig.server.publish('news', '3')
    await vi.waitFor(() => expect(others.log).toEqual(['3']), 5000)
    away.comeBack()
    await rig.server.publish('news', '4')
    await vi.waitFor(
      () =>
        expect([log, others.log]).toEqual([
          ['1', '2', '3', '4'],
          ['3', '4'],
        ]),
      5000,
    )
    other.leave()
    await sleep(300)
    await rig.server.publish('news', '5')
    await vi.waitFor(() => expect(log).toEqual(['1', '2', '3', '4', '5']), 5000)
  })

  it('has a long gap reported by the server', async () => {
    await using rig = await start()
    const [, away] = [await rig.open(), await rig.open()]
    const { log } = await use(away, 'news')
    await rig.server.publish('news', '1')
    await vi.waitFor(() => expect(log).toEqual(['1']), 5000)
    away.leave()
    for (let n = 2; n <= 1300; n += 1) await rig.server.publish('news', String(n))
    away.comeBack()
    await vi.waitFor(() => expect(log.at(-1)).toBe('1300'), 5000)
    expect([away.causes(), away.client.state.status]).toEqual([[], 'open'])
  })
})

it('a refused topic does not keep the subscription of another tab', async () => {
  await using rig = await startTabRig({ ...rules, onSubscribe: (_session, _topic, params) => params !== 'bad' })
  const [first, second] = [await rig.open(), await rig.open()]
  const refused = first.client.subscribe('news', { params: 'bad' })
  await vi.waitFor(() => expect(refused.state).toBe('refused'), 5000)
  const { topic } = await use(second, 'news')
  topic.unsubscribe()
  await vi.waitFor(async () => expect(await rig.server.presence('news')).toEqual([]), 5000)
})

it('a subscription of the application stays when the last tab that uses the topic is closed', async () => {
  await using rig = await startTabRig({ ...rules, onSession: (session) => session.subscribe('news') })
  const [first, second] = [await rig.open(), await rig.open()]
  await use(second, 'news')
  second.leave()
  await sleep(400)
  await rig.server.publish('news', '1')
  await vi.waitFor(() => expect(first.data).toEqual(['1']), 5000)
})

it('a tab that is put away and shown several times within seconds keeps its topics, and misses nothing', async () => {
  await using rig = await start()
  const [, tab] = [await rig.open(), await rig.open()]
  const { topic, log } = await use(tab, 'one')
  // Back before, while and after the leader unsubscribes.
  const pausesMs = [0, 1, 2, 3, 4, 6, 8, 12, 20, 40]
  for (const [index, pauseMs] of pausesMs.entries()) {
    tab.leave()
    await sleep(pauseMs)
    await rig.server.publish('one', `${index}`)
    tab.comeBack()
    await vi.waitFor(() => expect(log.at(-1)).toBe(`${index}`), 5000)
  }
  await sleep(300)
  expect([log, topic.state]).toEqual([pausesMs.map((_, index) => `${index}`), 'subscribed'])
})
