import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import type { TopicNews } from '../../src/server/store/ports.ts'
import { startRedis } from '../support/redis-server.ts'
import { all, made, recordOf, until } from '../support/redis-sessions.ts'
import { freshPrefix, redisPackages, useRedis, useStores } from '../support/use-redis.ts'

describe.each(redisPackages)('redisStore with %s', (name) => {
  const redis = useRedis(() => startRedis())
  const open = useStores(() => redis().port)
  const command = (...words: string[]) => redis().command(...words)

  it('shares sessions only with stores of the same prefix', async () => {
    const [prefix, another] = [freshPrefix(), freshPrefix()]
    const [one, two, stranger] = [open(name, { prefix }), open(name, { prefix }), open(name, { prefix: another })]
    await made(one, 's1')
    expect(await two.sessions.read('s1')).not.toBeNull()
    expect(await stranger.sessions.read('s1')).toBeNull()
    expect(two.sessions.id).toBe(one.sessions.id)
    expect(stranger.sessions.id).not.toBe(one.sessions.id)
    const keys = (await command('KEYS', '*')) as string[]
    expect(keys.filter((key) => !key.startsWith(prefix) && !key.startsWith(another)).filter((key) => /s1$/.test(key))).toEqual([])
  })

  if (name === 'ioredis')
    it('has the keyPrefix of the client in its keys and channels', async () => {
      const [keyPrefix, prefix] = [freshPrefix(), freshPrefix()]
      const client = new Redis({ port: redis().port, host: '127.0.0.1', lazyConnect: true, keyPrefix })
      const stores = [open(name, { client, prefix }), open(name, { prefix: keyPrefix + prefix })] as const
      const heard: unknown[] = []
      for (const { topics } of stores) await topics.watch('t', (news) => heard.push(news?.data)).ready
      for (const [index, { topics }] of stores.entries()) await topics.append('t', `from ${index}`)
      await until(() => heard.length === 4)
      expect(heard.sort()).toEqual(['from 0', 'from 0', 'from 1', 'from 1'])
      expect(await command('EXISTS', `${keyPrefix}${prefix}m:t`)).toBe(1)
    })

  it('writes the large part of a record only if it has changed', async () => {
    const store = open(name, { prefix: freshPrefix() })
    const data = { draft: 'x'.repeat(20_000) }
    let current = await made(store, 's1', recordOf({ data }))
    const bytesIn = async () => Number(/total_net_input_bytes:(\d+)/.exec(String(await command('INFO', 'stats')))?.[1])
    const before = await bytesIn()
    for (let taken = 1; taken <= 50; taken += 1) {
      const record = { ...current.record, taken }
      const version = await store.sessions.write('s1', record, current, store.sessions.now() + 60_000)
      if (version === null) throw new Error('another was first')
      current = { record, version }
    }
    expect((await bytesIn()) - before).toBeLessThan(60_000)
    expect(await store.sessions.read('s1')).toEqual(current)
  })

  it('announces messages of up to `pushBytes` with their data, and larger ones without', async () => {
    const store = open(name, { prefix: freshPrefix(), pushBytes: 10 })
    const news: (TopicNews | null)[] = []
    const watch = store.topics.watch('t', (each) => news.push(each))
    await watch.ready
    const offsets = [await store.topics.append('t', 'x'.repeat(10)), await store.topics.append('t', 'x'.repeat(11))]
    await until(() => news.length === 2)
    expect(news.map((each) => [each?.offset, each?.data])).toEqual([
      [offsets[0], 'x'.repeat(10)],
      [offsets[1], undefined],
    ])
  })

  it('keeps working when Redis has lost its cached scripts', async () => {
    const store = open(name, { prefix: freshPrefix() })
    await store.topics.append('t', 'first')
    await command('SCRIPT', 'FLUSH')
    await Promise.all(['a', 'b', 'c'].map((text) => store.topics.append('t', text)))
    expect((await store.topics.readAfter('t', 0, all)).messages.map(({ data }) => data)).toEqual(['first', 'a', 'b', 'c'])
  })

  it('discards the least recently used topics beyond maxTopics; a recreated one has a new epoch and higher offsets', async () => {
    const store = open(name, { prefix: freshPrefix(), maxTopics: 3 })
    const [first] = await store.topics.tails(['t1'])
    for (let times = 0; times < 5; times += 1) await store.topics.append('t1', 'x')
    for (const topic of ['t2', 't3', 't4']) {
      await sleep(2)
      await store.topics.append(topic, 'x')
    }
    const [again] = await store.topics.tails(['t1'])
    expect(again?.epoch).not.toBe(first?.epoch)
    expect(again?.offset).toBe(5)
    expect(await store.topics.append('t1', 'new')).toBe(6)
    expect((await store.topics.readAfter('t1', 2, all)).lostThrough).toBe(5)
  })

  it('discards topics that are both unused and empty, and no others', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix, maxAgeMs: 50 })
    const long = open(name, { prefix })
    await store.topics.append('aged', 'x')
    await long.topics.append('full', 'x')
    await store.topics.append('used', 'x')
    const [full] = await long.topics.tails(['full'])
    for (const topic of ['aged', 'full']) await command('ZADD', `${prefix}t`, 'XX', String(Date.now() - 3_700_000), topic)
    await sleep(80)
    await store.topics.append('another', 'x')
    expect(await command('EXISTS', `${prefix}m:aged`, `${prefix}s:aged`)).toBe(0)
    expect(await command('EXISTS', `${prefix}m:used`)).toBe(1)
    expect(await long.topics.tails(['full'])).toEqual([full])
  })

  it('removes messages older than maxAgeMs from Redis even if the topic is not used', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix, maxAgeMs: 100 })
    const offset = await store.topics.append('t', 'x'.repeat(100_000))
    await until(async () => (await command('EXISTS', `${prefix}s:t`)) === 0)
    const { messages, lostThrough, tail } = await store.topics.readAfter('t', 0, all)
    expect([messages, lostThrough, tail]).toEqual([[], offset, offset])
    expect(await store.topics.append('t', 'next')).toBe(offset + 1)
  })

  it('takes less than 1 KiB of memory in Redis for an idle session with a topic', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    const used = async () => Number(/used_memory:(\d+)/.exec(String(await command('INFO', 'memory')))?.[1])
    await made(store, 'first')
    await sleep(50)
    const before = await used()
    const count = 1000
    await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const topic = `user:${n}`
        const subscriptions = [{ stream: 1, topic, epoch: 'abcdefghij', from: 0 }]
        await store.topics.tails([topic])
        await made(
          store,
          `abcdefghijklmnopqr${n}`,
          recordOf({ principalId: `user-${n}`, principal: { id: `user-${n}` }, subscriptions }),
        )
      }),
    )
    expect(((await used()) - before) / count).toBeLessThan(1024)
  })

  it('leaves no key of a removed session or a discarded topic', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix, maxTopics: 1 })
    const { version } = await made(store, 's1')
    await store.sessions.append('s1', 'e1', { kind: 'm', data: 'x' })
    await store.topics.append('t1', 'x')
    await store.sessions.remove('s1', version)
    await store.topics.tails(['t2'])
    const keys = (await command('KEYS', `${prefix}*`)) as string[]
    expect(keys.map((key) => key.slice(prefix.length)).sort()).toEqual(['b', 'm:t2', 't'])
  })

  it('begins a topic anew above all its offsets if only its list of messages is left', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    for (const text of ['a', 'b', 'c']) await store.topics.append('t', text)
    const before = await store.topics.readAfter('t', 0, all)
    await command('DEL', `${prefix}m:t`)
    const after = await store.topics.readAfter('t', 3, all)
    expect(after.epoch).not.toBe(before.epoch)
    expect(after).toMatchObject({ messages: [], lostThrough: after.tail })
    expect(after.tail).toBeGreaterThan(3)
    const offset = await store.topics.append('t', 'd')
    const [start] = await store.topics.tails(['t'], Infinity)
    expect(start?.offset).toBe(after.tail)
    expect((await store.topics.readAfter('t', start?.offset ?? -1, all)).messages).toEqual([{ offset, data: 'd' }])
  })

  it('begins the stream of a session anew if only that is left, and lists no expired session without a record', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    for (const id of ['s1', 's2', 's3']) await made(store, id)
    for (const data of ['a', 'b']) await store.sessions.append('s1', 'e1', { kind: 'm', data })
    for (const id of ['s1', 's2']) await command('DEL', `${prefix}1:r:${id}`)
    expect(await store.sessions.read('s1')).toBeNull()
    await made(store, 's1')
    expect(await store.sessions.readAfter('s1', 0, all)).toMatchObject({ messages: [], lostThrough: 0, tail: 0 })
    expect(await store.sessions.append('s1', 'e1', { kind: 'm', data: 'c' })).toBe(1)
    const late = store.sessions.now() + 120_000
    await store.sessions.expired(late, 10)
    expect([...(await store.sessions.expired(late, 10))].sort()).toEqual(['s1', 's3'])
  })

  it('reads many messages in batches within maxMessages and maxBytes', async () => {
    const store = open(name, { prefix: freshPrefix() })
    const sizes = Array.from({ length: 400 }, (_, n) => (n % 40 === 0 ? 50_000 : n % 7))
    await Promise.all(sizes.map((size) => store.topics.append('t', 'x'.repeat(size))))
    const read: number[] = []
    for (let after = 0; ; after = read.length) {
      const { messages, tail } = await store.topics.readAfter('t', after, { maxMessages: 100, maxBytes: 60_000 })
      const bytes = messages.reduce((total, { data }) => total + data.length, 0)
      expect(messages.length <= 100 && (bytes <= 60_000 || messages.length === 1)).toBe(true)
      expect(messages.map(({ offset }) => offset)).toEqual(messages.map((_, index) => after + index + 1))
      read.push(...messages.map(({ data }) => data.length))
      if (read.length === tail) break
    }
    expect(read).toEqual(sizes)
  })

  it('close() leaves no connection, settles pending calls and rejects later ones', async () => {
    const store = open(name, { prefix: freshPrefix() })
    await store.topics.append('t', 'x')
    const clients = async () =>
      String(await command('CLIENT', 'LIST'))
        .trim()
        .split('\n').length
    await until(async () => (await clients()) >= 3)
    const appended = store.topics.append('t', 'y').then(
      () => 'done',
      (error: Error) => error.message,
    )
    await store.close()
    expect(await appended).toMatch(/closed|done/)
    await expect(store.topics.append('t', 'z')).rejects.toThrow('redisStore: it was closed')
    await expect(store.topics.watch('t', () => {}).ready).rejects.toThrow('redisStore: it was closed')
    await until(async () => (await clients()) <= 1)
  })
})
