import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { TopicOptions } from '../../src/api/calls.ts'
import type { Topic } from '../../src/index.ts'
import { RequestError as ServerError } from '../../src/server/index.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { session } from '../../src/session/index.ts'
import { sessionTransports, startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

const names: readonly TransportName[] = sessionTransports.map(({ type }) => type)

const open: RealtimeServerOptions = { onSubscribe: () => true, onPublish: () => true }

/** Logs the events of a topic, in order. */
function heard(topic: Topic<unknown, never>): unknown[] {
  const log: unknown[] = []
  topic.on('message', ({ data }) => log.push(data))
  topic.on('gap', ({ after, resumesAt }) => log.push({ gap: [after, resumesAt] }))
  topic.on('subscribed', () => log.push('subscribed'))
  topic.on('error', ({ error }) => log.push({ error: error.code }))
  return log
}

describe.each(names)('[SP22] over %s', (type) => {
  const options = { transports: [transportOf(type)] }

  it('a client subscribes with history, which precedes later messages, publishes and unsubscribes', async () => {
    await using rig = await startRig({ count: 2, options: open })
    for (const each of ['a', 'b', 'c']) await rig.servers.servers[0]?.publish('news', each)
    await using watched = rig.watch(options)
    const news = watched.client.subscribe('news', { since: { last: 2 } })
    const log = heard(news as Topic<unknown, never>)
    expect(news.state).toBe('subscribing')
    await vi.waitFor(() => expect(log).toEqual(['subscribed', 'b', 'c']), 5000)
    expect(news.state).toBe('subscribed')
    expect(await news.publish('d')).toBe(4)
    await vi.waitFor(() => expect(log.slice(3)).toEqual(['d']), 5000)
    news.unsubscribe()
    expect(news.state).toBe('ended')
    await watched.client.flushed()
    await rig.servers.servers[1]?.publish('news', 'e')
    await sleep(100)
    expect(log.slice(4)).toEqual([])
    expect(rig.servers.errors).toEqual([])
  })

  it('publications arrive once and in order, across reconnects', async () => {
    await using rig = await startRig({ count: 2, options: open })
    await using watched = rig.watch(options)
    const topic = watched.client.subscribe('t')
    const log = heard(topic as Topic<unknown, never>)
    await vi.waitFor(() => expect(log).toEqual(['subscribed']), 5000)
    const offsets: Promise<number>[] = []
    for (let index = 0; index < 40; index += 1) {
      offsets.push(topic.publish(`m${index}`))
      if (index % 15 === 14) rig.proxy.killAll()
      await sleep(3)
    }
    expect(await Promise.all(offsets)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    await vi.waitFor(() => expect(log.slice(1)).toEqual(Array.from({ length: 40 }, (_, index) => `m${index}`)), 5000)
  })
})

it('[SP22] every topic is refused by default, and unless onSubscribe returns true', async () => {
  await using rig = await startRig({
    options: {
      onSubscribe(_, topic) {
        if (topic === 'mine') throw new ServerError('not-yours', 'it is mine')
        return topic === 'undefined' ? undefined : false
      },
    },
  })
  await using none = await startRig()
  for (const [each, name, code] of [
    [rig, 'undefined', 'forbidden'],
    [rig, 'false', 'forbidden'],
    [rig, 'mine', 'not-yours'],
    [none, 'x', 'forbidden'],
  ] as const) {
    await using watched = each.watch()
    const topic = watched.client.subscribe(name)
    const log = heard(topic as Topic<unknown, never>)
    await vi.waitFor(() => expect(log).toEqual([{ error: code }]), 5000)
    expect([topic.state, topic.error?.code]).toEqual(['refused', code])
    await expect(topic.publish('x')).rejects.toMatchObject({ code: 'forbidden' })
    for await (const _ of topic) throw new Error('a refused topic has messages')
  }
})

it('[SP22] a topic whose request does not fit into the outbox emits an error to listeners added in the same task', async () => {
  await using rig = await startRig({ options: open })
  const report = vi.fn()
  await using watched = rig.watch({ host: { report }, autoConnect: false, outbox: { maxMessages: 1, overflow: 'reject' } })
  watched.client.send('the outbox is full')
  const topic = watched.client.subscribe('t')
  const log = heard(topic as Topic<unknown, never>)
  await sleep(0)
  expect([log, topic.state, report.mock.calls.length]).toEqual([[{ error: 'undelivered' }], 'refused', 1])
})

it('[SP22] several uses of a topic share one subscription, and each begins where it asks to', async () => {
  const asked: string[] = []
  await using rig = await startRig({
    options: {
      ...open,
      onSubscribe(_, topic) {
        asked.push(topic)
        return true
      },
    },
  })
  for (const each of ['1', '2', '3']) await rig.servers.servers[0]?.publish('t', each)
  await using watched = rig.watch()
  const live = watched.client.subscribe('t')
  const liveLog = heard(live as Topic<unknown, never>)
  const other = heard(watched.client.subscribe('t') as Topic<unknown, never>)
  await vi.waitFor(() => expect(liveLog).toEqual(['subscribed']), 5000)
  expect(asked).toEqual(['t'])
  await rig.servers.servers[0]?.publish('t', '4')
  await vi.waitFor(() => expect(liveLog).toEqual(['subscribed', '4']), 5000)
  const all = watched.client.subscribe('t', { since: 'start' })
  const allLog = heard(all as Topic<unknown, never>)
  await rig.servers.servers[0]?.publish('t', '5')
  await vi.waitFor(() => expect(allLog.filter((each) => each !== 'subscribed')).toEqual(['1', '2', '3', '4', '5']), 5000)
  expect(liveLog.filter((each) => each !== 'subscribed')).toEqual(['4', '5'])
  expect(other.filter((each) => each !== 'subscribed')).toEqual(['4', '5'])
  const id = (await rig.servers.store.sessions.sessionsOf('anonymous'))[0] ?? ''
  all.unsubscribe()
  live.unsubscribe()
  await rig.servers.servers[0]?.publish('t', '6')
  await vi.waitFor(() => expect(other.at(-1)).toBe('6'), 5000)
  expect((await rig.servers.store.sessions.read(id))?.record.subscriptions).toHaveLength(1)
})

/** A topic of 20 messages in use, over poll: calls reach the server together, so that streams are replaced before the client reads them. */
async function topicInUse(options: RealtimeServerOptions = {}) {
  const rig = await startRig({ options: { ...open, ...options } })
  const publish = (data: string) => rig.servers.servers[0]?.publish('room', data)
  const published = Array.from({ length: 20 }, (_, index) => `m${index + 1}`)
  for (const each of published) await publish(each)
  const watched = rig.watch({ transports: [{ type: 'poll', url: '?transport=poll', intervalMs: 200 }] })
  const { client } = watched
  const topic = client.subscribe('room')
  await vi.waitFor(() => expect(topic.state).toBe('subscribed'), 5000)
  return {
    rig,
    watched,
    client,
    /** Begins a use for each of these, and returns what each of them gets. */
    readSince: (begins: readonly TopicOptions['since'][]) =>
      begins.map((since) => {
        const log: unknown[] = []
        client.subscribe('room', since === undefined ? {} : { since }).on('message', ({ data }) => log.push(data))
        return log
      }),
    /** Publishes one more, and expects that each use gets all messages but its first so many. */
    async expectAfter(logs: readonly unknown[][], skipped: readonly number[]) {
      await client.flushed()
      await publish('last')
      const all = [...published, 'last']
      await vi.waitFor(() => expect(logs).toEqual(skipped.map((count) => all.slice(count))), 5000)
    },
    async [Symbol.asyncDispose]() {
      await watched[Symbol.asyncDispose]()
      await rig[Symbol.asyncDispose]()
    },
  }
}

it('[SP22] a topic in use is read from several earlier offsets at once, and no use misses a message', async () => {
  await using used = await topicInUse()
  const logs = used.readSince([undefined, { last: 5 }, 'start', { last: 2 }, 12])
  await used.expectAfter(logs, [20, 15, 0, 18, 12])
})

it('[SP22] uses that begin while the session is lost miss no message of the streams of the next one', async () => {
  await using used = await topicInUse({ resumeWindowMs: 400 })
  const { servers, proxy } = used.rig
  const [id = ''] = await servers.store.sessions.sessionsOf('anonymous')
  await proxy.set({ type: 'refuse' })
  proxy.killAll()
  await vi.waitFor(async () => expect(await servers.store.sessions.read(id)).toBeNull(), 10_000)
  const logs = used.readSince(['start', { last: 2 }, 12])
  await proxy.set()
  await used.watched.nth('open', 2, 10_000)
  await used.expectAfter(logs, [0, 18, 12])
})

it('[SP22] after its session was lost, a client subscribes again and receives the missed messages', async () => {
  const params: unknown[] = []
  let count = 0
  await using rig = await startRig({
    options: {
      ...open,
      onSubscribe(_, __, given) {
        params.push(given)
        return true
      },
      resumeWindowMs: 400,
    },
  })
  await using watched = rig.watch()
  const topic = watched.client.subscribe('t', {
    params: async () => {
      count += 1
      return { token: count }
    },
  })
  const log = heard(topic as Topic<unknown, never>)
  await vi.waitFor(() => expect(log).toEqual(['subscribed']), 5000)
  await rig.servers.servers[0]?.publish('t', '1')
  await vi.waitFor(() => expect(log).toEqual(['subscribed', '1']), 5000)
  const id = (await rig.servers.store.sessions.sessionsOf('anonymous'))[0] ?? ''
  await rig.proxy.set({ type: 'refuse' })
  rig.proxy.killAll()
  await vi.waitFor(async () => expect(await rig.servers.store.sessions.read(id)).toBeNull(), 10_000)
  await rig.servers.servers[0]?.publish('t', '2')
  await rig.proxy.set()
  await rig.servers.servers[0]?.publish('t', '3')
  await vi.waitFor(() => expect(log.slice(2)).toEqual(['subscribed', '2', '3']), 10_000)
  expect(params).toEqual([{ token: 1 }, { token: 2 }])
})

it('[SP22] a subscription that expires is renewed with fresh params', async () => {
  const params: unknown[] = []
  let count = 0
  await using rig = await startRig({
    options: {
      ...open,
      onSubscribe(_, __, given) {
        params.push(given)
        return params.length < 3 ? { expiresAt: Date.now() + 700 } : false
      },
      heartbeatMs: 1000,
    },
  })
  await using watched = rig.watch()
  const topic = watched.client.subscribe('t', { params: () => ++count })
  const log = heard(topic as Topic<unknown, never>)
  await vi.waitFor(() => expect(log).toEqual(['subscribed', 'subscribed']), 5000)
  await rig.servers.servers[0]?.publish('t', 'x')
  await vi.waitFor(() => expect(log.slice(2)).toEqual(['x']), 5000)
  expect(params).toEqual([1, 2])
})

it('[SP22] a topic to which the application has subscribed the session is delivered with the history that the page asks for', async () => {
  await using rig = await startRig({ count: 2, options: { ...open, onSession: (session) => session.subscribe('t') } })
  for (const each of ['1', '2', '3']) await rig.servers.servers[0]?.publish('t', each)
  await using watched = rig.watch()
  const log = heard(watched.client.subscribe('t', { since: { last: 2 } }) as Topic<unknown, never>)
  await vi.waitFor(() => expect(log).toEqual(['subscribed', '2', '3']), 5000)
  await rig.servers.servers[1]?.publish('t', '4')
  await vi.waitFor(() => expect(log.slice(3)).toEqual(['4']), 5000)
  const all = watched.client.subscribe('t', { since: 'start' })
  const allLog = heard(all as Topic<unknown, never>)
  await vi.waitFor(() => expect(allLog).toEqual(['subscribed', '1', '2', '3', '4']), 5000)
  expect(log.slice(4)).toEqual(['subscribed'])
  expect(rig.servers.errors).toEqual([])
})

it('[SP22] an expired or revoked permission ends the presence too, and a renewed one continues it', async () => {
  let allows = 2
  await using rig = await startRig({
    options: {
      onSubscribe: (session) => {
        if (session.data) return true
        allows -= 1
        return allows >= 0 && { expiresAt: Date.now() + 1000 }
      },
      onSession: (session) => session.principal.id === 'observed' && session.update(true),
      authenticate: (_, auth) => ({ id: String(auth) }),
      presence: ({ principal }) => principal.id,
      heartbeatMs: 1000,
    },
  })
  await using watched = rig.watch({ prepare: () => ({ auth: 'expired' }) })
  const topic = watched.client.subscribe('t')
  const log = heard(topic as Topic<unknown, never>)
  const names = () => topic.presence.members.map(({ info }) => info).sort()
  await vi.waitFor(() => expect([log, names()]).toEqual([['subscribed', 'subscribed'], ['expired']]), 5000)
  {
    await using second = rig.watch({ prepare: () => ({ auth: 'observed' }) })
    second.client.subscribe('t')
    await vi.waitFor(() => expect(names()).toEqual(['expired', 'observed']), 5000)
    await vi.waitFor(() => expect(topic.state).toBe('refused'), 5000)
  }
  const received = watched.of('message').length
  await using third = rig.watch({ prepare: () => ({ auth: 'observed' }) })
  const other = third.client.subscribe('t')
  await vi.waitFor(() => expect(other.presence.members.length).toBe(1), 5000)
  await sleep(200)
  expect(watched.of('message')).toHaveLength(received)
})

it('[SP22] onSubscribe can map a name to another topic, hidden from the client; onPublish can change the data', async () => {
  await using rig = await startRig({
    options: {
      onSubscribe: (_, topic) => ({ topic: `tenant 7: ${topic}` }),
      onPublish: (_, topic, data) => ({ data: `${topic}/${data}` }),
    },
  })
  await using watched = rig.watch()
  const topic = watched.client.subscribe('news')
  const log = heard(topic as Topic<unknown, never>)
  await vi.waitFor(() => expect(log).toEqual(['subscribed']), 5000)
  await topic.publish('a')
  await rig.servers.servers[0]?.publish('tenant 7: news', 'b')
  await vi.waitFor(() => expect(log.slice(1)).toEqual(['news/a', 'b']), 5000)
  expect(watched.of('message').map((event) => event.topic)).toEqual(['news', 'news'])
})

it('[SP22] presence.members follows the members that join and leave a topic', async () => {
  let count = 0
  await using rig = await startRig({
    count: 2,
    options: { ...open, presence: (session) => session.data, onSession: (session) => session.update({ name: `n${++count}` }) },
  })
  await using first = rig.watch()
  const topic = first.client.subscribe('room')
  await vi.waitFor(() => expect(topic.state).toBe('subscribed'), 5000)
  const names = () => topic.presence.members.map(({ info }) => (info as { name: string }).name).sort()
  await vi.waitFor(() => expect(names()).toEqual(['n1']), 5000)
  const { members } = topic.presence
  expect(topic.presence.members).toBe(members)
  {
    await using second = rig.watch()
    second.client.subscribe('room')
    await vi.waitFor(() => expect(names()).toEqual(['n1', 'n2']), 5000)
  }
  await vi.waitFor(() => expect(names()).toEqual(['n1']), 15_000)
})

it('[SP22] presence.members arrives after the subscription, even if the params are late', async () => {
  await using rig = await startRig({ options: { ...open, presence: () => 'somebody' } })
  await using watched = rig.watch()
  const params = () => new Promise((resolve) => setTimeout(() => resolve('ticket'), 50))
  const topic = watched.client.subscribe('room', { params })
  const { presence } = topic
  const changes = vi.fn()
  presence.on('change', changes)
  expect(presence.members).toEqual([])
  await vi.waitFor(() => expect(presence.members).toHaveLength(1), 5000)
  expect([presence.error, presence.isKnown, topic.state]).toEqual([null, true, 'subscribed'])
})

it('[SP22] presence shows the present members after a gap in their joins and leaves', async () => {
  await using rig = await startRig({
    store: { maxMessagesPerStream: 3 },
    options: { ...open, authenticate: (_, auth) => ({ id: String(auth) }), presence: ({ principal }) => principal.id },
  })
  const visit = (id: string) => {
    const watched = watchClient(rig.servers.url(), { protocol: session(), prepare: () => ({ auth: id }) })
    watched.client.subscribe('room')
    return watched
  }
  await using watched = rig.watch({ prepare: () => ({ auth: 'me' }) })
  const { presence } = watched.client.subscribe('room')
  const names = () => presence.members.map(({ info }) => info).sort()
  const present = async () => (await rig.servers.server().presence('room')).map(({ info }) => info).sort()
  {
    await using first = visit('a')
    await vi.waitFor(() => expect(names()).toEqual(['a', 'me']), 5000)
    await rig.proxy.set({ type: 'refuse' })
    rig.proxy.killAll()
    await first.client.close()
  }
  await using second = visit('b')
  await using third = visit('c')
  await using fourth = visit('d')
  await vi.waitFor(async () => expect(await present()).toEqual(expect.arrayContaining(['b', 'c', 'd'])), 5000)
  await rig.proxy.set()
  await watched.nth('gap', 1, 10_000)
  await vi.waitFor(async () => expect(names()).toEqual(await present()), 5000)
  expect(names()).toEqual(['b', 'c', 'd', 'me'])
  for (const each of [second, third, fourth]) expect(each.of('gap')).toEqual([])
})

it('[SP22] presence emits a change for a topic that has no members', async () => {
  await using rig = await startRig({ options: open })
  await using watched = rig.watch()
  const { presence } = watched.client.subscribe('room')
  const changes = vi.fn()
  presence.on('change', () => changes(presence.isKnown, presence.members))
  await vi.waitFor(() => expect(changes.mock.calls).toEqual([[true, []]]), 5000)
})

it('[SP22] for await reads the messages of a topic, and ends when it is unsubscribed', async () => {
  await using rig = await startRig({ options: open })
  await using watched = rig.watch()
  const topic = watched.client.subscribe('t')
  const read: unknown[] = []
  const reading = (async () => {
    for await (const { data, offset } of topic) read.push([data, offset])
  })()
  await topic.publish('a')
  await topic.publish('b')
  await vi.waitFor(
    () =>
      expect(read).toEqual([
        ['a', 1],
        ['b', 2],
      ]),
    5000,
  )
  topic.unsubscribe()
  await reading
})

it.each(['presence:room', 'node x', 'answers x'])(
  '[SP22] the topic name %s is reserved for the server, whatever the application allows',
  async (name) => {
    await using rig = await startRig({ options: open })
    await using watched = rig.watch()
    const topic = watched.client.subscribe(name)
    await expect(topic.publish('{"type":"leave","id":"ada"}')).rejects.toMatchObject({ code: 'forbidden' })
    await vi.waitFor(() => expect(topic.state).toBe('refused'), 5000)
    await expect(rig.servers.servers[0]?.publish(name, 'x')).rejects.toThrow(`only the server publishes; it was "${name}"`)
  },
)
