import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { RedisStore } from '../../src/redis/index.ts'
import type { SessionNews, TopicNews } from '../../src/server/store/ports.ts'
import { freePort } from '../support/loopback.ts'
import { startForwarder } from '../support/redis-forwarder.ts'
import { startRedisPair } from '../support/redis-pair.ts'
import { startRedis } from '../support/redis-server.ts'
import { all, made, recordOf, until } from '../support/redis-sessions.ts'
import { freshPrefix, redisClients, redisPackages, useRedis, useStores } from '../support/use-redis.ts'

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Repeats a call until it succeeds, as a client that retries does. */
async function persistently<Result>(call: () => Promise<Result>, withinMs = 15_000): Promise<Result> {
  for (const from = performance.now(); ; await sleep(20)) {
    try {
      return await call()
    } catch (error) {
      if (performance.now() - from > withinMs) throw error
    }
  }
}

describe.each(redisPackages)('redisStore with %s, whose Redis is replaced by a promoted replica', (name) => {
  const pair = useRedis(startRedisPair)
  const open = useStores(() => pair().port)

  it('ends all sessions, continues topics above every offset given out, and announces possible loss', async () => {
    const prefix = freshPrefix()
    const [one, other] = [open(name, { prefix }), open(name, { prefix })]
    await made(one, 's1')
    await one.topics.append('t', 'early')
    const [before] = await one.topics.tails(['t'])
    await pair().copy()
    const late = await made(one, 's2')
    const given: number[] = []
    for (let times = 0; times < 20; times += 1) given.push(await one.topics.append('t', 'late'))
    const heard: (TopicNews | SessionNews)[] = []
    const watches = [other.topics.watch('t', (news) => heard.push(news)), other.sessions.watch('s1', (news) => heard.push(news))]
    await Promise.all(watches.map(({ ready }) => ready))
    await pair().promote()
    const reading = await persistently(() => other.topics.readAfter('t', given.at(-1) ?? 0, all))
    expect(reading.epoch).toBe(before?.epoch)
    expect(reading.messages).toEqual([])
    expect(reading.lostThrough).toBeGreaterThan(given.at(-1) ?? 0)
    expect([await other.sessions.read('s1'), await one.sessions.read('s2')]).toEqual([null, null])
    expect(await one.sessions.write('s2', { ...late.record, taken: 1 }, late, one.sessions.now() + 60_000)).toBeNull()
    expect(await other.sessions.count('ann')).toEqual({ ofPrincipal: 0, all: 0 })
    const again = await made(other, 's2')
    expect(again.version).toBeGreaterThan(late.version)
    await until(() => heard.filter((news) => news === null).length >= 2)
    await persistently(async () => {
      const offset = await one.topics.append('t', 'new')
      await until(() => heard.some((news) => news !== null && 'offset' in news && news.offset === offset), 1000)
    })
  })

  it('removes the session data left from before the promotion', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    for (let n = 0; n < 20; n += 1) {
      await made(store, `s${n}`, recordOf({ principalId: `p${n % 3}` }))
      await store.sessions.append(`s${n}`, 'e1', { kind: 'm', data: 'x' })
    }
    await pair().copy()
    await pair().promote()
    await persistently(() => made(store, 'another'))
    const left = async () => ((await pair().used().command('KEYS', `${prefix}*:r:*`)) as string[]).length
    expect(await left()).toBe(21)
    await store.sessions.expired(0, 10)
    await store.sessions.expired(0, 10)
    expect(await left()).toBe(1)
    const keys = (await pair().used().command('KEYS', `${prefix}*`)) as string[]
    expect(keys).toHaveLength(4)
  })

  it('replaces connections that fall silent, and both nodes work again', async () => {
    const prefix = freshPrefix()
    const [one, other] = [open(name, { prefix, timeoutMs: 500 }), open(name, { prefix, timeoutMs: 500 })]
    const heard: (TopicNews | null)[] = []
    await other.topics.watch('t', (news) => heard.push(news)).ready
    await one.topics.append('t', 'before')
    await until(() => heard.length === 1)
    pair().forwarder.silence(true)
    const from = performance.now()
    const failed = await one.topics.append('t', 'meanwhile').catch((error: unknown) => messageOf(error))
    expect(failed).toMatch(/^redisStore: append had no answer from Redis within 500 ms \(timeoutMs\)/)
    expect(performance.now() - from).toBeLessThan(3000)
    await sleep(1000)
    // Existing connections stay silent: only new ones pass.
    pair().forwarder.silence('of before')
    await persistently(() => one.topics.append('t', 'after'))
    await persistently(async () => {
      const offset = await one.topics.append('t', 'again')
      await until(() => heard.some((news) => news?.offset === offset), 1000)
    })
    expect(heard).toContain(null)
  })
})

describe.each(redisPackages)('redisStore with %s, whose Redis fails', (name) => {
  const redis = useRedis(() => startRedis(['--appendonly', 'yes', '--appendfsync', 'always']))
  const open = useStores(() => redis().port)

  it('rejects calls after timeoutMs with the last error while Redis is down, and works once it is back', async () => {
    const store = open(name, { timeoutMs: 700 })
    await store.topics.append('t', 'x')
    await redis().kill()
    await sleep(50)
    const failed = await store.topics.append('t', 'y').catch((error: unknown) => messageOf(error))
    expect(failed).toMatch(/^redisStore: append had no answer from Redis within 700 ms \(timeoutMs\)\. The last error was: .+/)
    const started = redis().start()
    await persistently(() => store.topics.append('t', 'z'))
    await started
  })

  it('names the reason in a call that began before the first connection has failed', async () => {
    const errorOf = async (port: number) => {
      const { redisStore } = await import('../../src/redis/index.ts')
      const store = redisStore({ client: redisClients[name](port), prefix: freshPrefix(), timeoutMs: 700 })
      const failed = await store.topics.append('t', 'x').catch((error: unknown) => messageOf(error))
      await store.close()
      return failed
    }
    expect(await errorOf(await freePort())).toMatch(/The last error was: .*ECONNREFUSED/)
    await redis().command('ACL', 'SETUSER', 'default', '-script')
    const denied = await errorOf(redis().port).finally(() => redis().command('ACL', 'SETUSER', 'default', '+script'))
    expect(denied).toMatch(/may not do what the store needs: NOPERM/)
  })

  it('ends sessions when Redis has restarted, unless trustRestarts is set', async () => {
    const prefixes = [freshPrefix(), freshPrefix()] as const
    const wary = open(name, { prefix: prefixes[0] })
    const trusting = open(name, { prefix: prefixes[1], trustRestarts: true })
    const ids: (string | null)[] = []
    for (const store of [wary, trusting]) {
      await made(store, 's1')
      await store.sessions.append('s1', 'e1', { kind: 'm', data: 'x' })
      await store.topics.append('t', 'x')
      ids.push(store.sessions.id)
    }
    await redis().kill()
    await redis().start()
    expect(await persistently(() => wary.sessions.read('s1'))).toBeNull()
    expect((await wary.topics.readAfter('t', 0, all)).lostThrough).toBeGreaterThan(1)
    expect(await persistently(() => trusting.sessions.read('s1'))).not.toBeNull()
    expect(await trusting.topics.readAfter('t', 0, all)).toMatchObject({ messages: [{ offset: 1, data: 'x' }], lostThrough: 0 })
    expect(await trusting.sessions.count('ann')).toEqual({ ofPrincipal: 1, all: 1 })
    expect([wary.sessions.id, trusting.sessions.id]).toEqual(ids)
  })

  it('treats an emptied Redis as another store, with new epochs', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    const before = await made(store, 's1')
    await store.topics.append('t', 'x')
    const { id } = store.sessions
    const [position] = await store.topics.tails(['t'])
    const heard: unknown[] = []
    await store.topics.watch('t', (news) => heard.push(news)).ready
    await redis().command('FLUSHALL')
    expect(await store.sessions.read('s1')).toBeNull()
    const [again] = await store.topics.tails(['t'])
    expect(again?.epoch).not.toBe(position?.epoch)
    await until(() => store.sessions.id !== id && heard.includes(null))
    const { version } = await made(store, 's1')
    expect(version).not.toBe(before.version)
    expect(await store.sessions.write('s1', before.record, before, store.sessions.now() + 60_000)).toBeNull()
  })

  it('works again after Redis was suspended for some seconds', { timeout: 60_000 }, async () => {
    const prefix = freshPrefix()
    const [one, other] = [open(name, { prefix, timeoutMs: 1000 }), open(name, { prefix, timeoutMs: 1000 })]
    const session = await made(one, 's1')
    const heard: (TopicNews | null)[] = []
    await other.topics.watch('t', (news) => heard.push(news)).ready
    redis().signal('SIGSTOP')
    try {
      await expect(one.sessions.read('s1')).rejects.toThrow('had no answer from Redis within 1000 ms (timeoutMs)')
      await sleep(3500)
    } finally {
      redis().signal('SIGCONT')
    }
    expect(await persistently(() => other.sessions.read('s1'))).toEqual(session)
    await persistently(async () => {
      const offset = await one.topics.append('t', 'after')
      await until(() => heard.some((news) => news?.offset === offset), 1000)
    })
  })

  it('notices that maxmemory-policy was changed while it is connected, and that it was put right', async () => {
    const store = open(name, { timeoutMs: 1000 })
    await store.topics.append('t', 'x')
    try {
      await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      const failure = async () => store.sessions.read('s1').then(() => '', messageOf)
      await until(async () => (await failure()).includes("maxmemory-policy of Redis is 'allkeys-lru'"), 5000)
      await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await persistently(() => store.topics.append('t', 'x'))
    } finally {
      await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  it.each([
    ['PUBLISH', ['-publish', '-spublish'], '&*'],
    ['channels', [], 'resetchannels'],
    ['script', ['-script'], '&*'],
  ])('reports at once a user who lacks a permission (%s), before it has stored anything', async (lacking, commands, channels) => {
    const prefix = freshPrefix()
    await redis().command('ACL', 'SETUSER', 'weak', 'reset', 'on', '>secret', '~*', '+@all', channels, ...commands)
    const client = redisClients[name](redis().port, { username: 'weak', password: 'secret' })
    const store = open(name, { client, prefix, timeoutMs: 5000 })
    const from = performance.now()
    const failure = await store.topics.append('t', 'x').then(() => '', messageOf)
    expect(performance.now() - from).toBeLessThan(4000)
    expect(failure).toContain('redisStore: the user of Redis may not do what the store needs')
    expect(failure).toContain(lacking)
    expect(await redis().command('EXISTS', `${prefix}m:t`)).toBe(0)
    await redis().command('ACL', 'DELUSER', 'weak')
  })

  it('rejects calls while maxmemory-policy permits eviction, and names the setting to change', async () => {
    await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      const store = open(name)
      await expect(store.topics.append('t', 'x')).rejects.toThrow(
        "redisStore: the setting maxmemory-policy of Redis is 'allkeys-lru'; it must be 'noeviction'",
      )
      await expect(store.sessions.read('s1')).rejects.toThrow('CONFIG SET maxmemory-policy noeviction')
      await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await persistently(() => store.topics.append('t', 'x'))
    } finally {
      await redis().command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  it('rejects an append with the cause when the memory of Redis is full, and works when there is room', async () => {
    const store = open(name, { prefix: freshPrefix() })
    await store.topics.append('t', 'x')
    await redis().command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await expect(store.topics.append('t', 'y')).rejects.toThrow(
        /^redisStore: append failed: .*OOM.*Redis has used all of its `maxmemory`/,
      )
    } finally {
      await redis().command('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(await store.topics.append('t', 'z')).toBe(2)
  })

  it('connects and reads while the memory of Redis is full', async () => {
    const prefix = freshPrefix()
    const store = open(name, { prefix })
    await store.topics.append('t', 'x')
    await made(store, 's1')
    await store.sessions.append('s1', 'e1', { kind: 'm', data: 'x' })
    // By then the next read is another use of the topic.
    await sleep(1100)
    await redis().command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      for (const each of [store, open(name, { prefix, timeoutMs: 1000 })]) {
        expect(await each.topics.readAfter('t', 0, all)).toMatchObject({ messages: [{ data: 'x' }], tail: 1 })
        expect(await each.topics.tails(['t'], 1)).toMatchObject([{ offset: 0 }])
        expect(await each.sessions.read('s1')).not.toBeNull()
        expect(await each.sessions.readAfter('s1', 0, all)).toMatchObject({ messages: [{ data: 'x' }] })
      }
    } finally {
      await redis().command('CONFIG', 'SET', 'maxmemory', '0')
    }
  })

  it('connects to a Redis that becomes reachable after the node has started', async () => {
    const forwarder = await startForwarder(1)
    let store: RedisStore | undefined
    try {
      const { redisStore } = await import('../../src/redis/index.ts')
      store = redisStore({ client: redisClients[name](forwarder.port), prefix: freshPrefix(), timeoutMs: 500 })
      const { sessions, topics } = store
      expect(sessions.id).toBeNull()
      const watch = topics.watch('t', (news) => heard.push(news))
      const heard: (TopicNews | null)[] = []
      await expect(watch.ready).rejects.toThrow('redisStore: could not subscribe within 500 ms (timeoutMs)')
      forwarder.lead(redis().port)
      const offset = await persistently(() => topics.append('t', 'x'))
      await until(() => heard.includes(null))
      const next = await topics.append('t', 'y')
      await until(() => heard.some((news) => news?.offset === next))
      expect([sessions.id, offset]).toEqual([expect.stringMatching(/^[\w-]{1,64}$/), 1])
    } finally {
      await store?.close()
      await forwarder[Symbol.asyncDispose]()
    }
  })
})
