import { describe, expect, it } from 'vitest'
import { type MemoryLimits, type MemoryStore, memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type { Payload, Watch } from '../../src/server/store/ports.ts'
import { sessionStoreContract, topicLogContract } from '../../src/server/testing/index.ts'
import { recordOf } from '../../src/server/testing/session-trial.ts'
import { seedOf } from '../support/seeded.ts'
import { tailOf } from '../support/store-calls.ts'

const close = () => Promise.resolve()

describe('memoryStore as a TopicLog and a SessionStore', () => {
  const topics = async () => {
    const log = memoryStore().topics
    return { nodes: [log, log] as const, close }
  }
  const sessions = async () => {
    const store = memoryStore().sessions
    return { nodes: [store, store] as const, close }
  }
  const seed = seedOf(process.env)
  for (const { name, run } of topicLogContract(topics, { seed })) it(name, run)
  for (const { name, run } of sessionStoreContract(sessions, { seed })) it(name, run)

  it('sessions: copies principals and data that it stores and returns, so that no caller can change them', async () => {
    const { sessions: one } = memoryStore()
    const [id, later] = ['a session', Date.now() + 60_000]
    const subscription = { stream: 3, topic: 'chat:42', epoch: 'k7', from: 1040 }
    const record = recordOf({ data: { seen: [1] }, principal: { id: 'p1', roles: ['reader'] }, subscriptions: [subscription] })
    const { data, principal } = structuredClone(record)
    const version = (await one.write(id, { ...record, data, principal }, null, later)) ?? 0
    spoil([data, principal])
    expect(await one.read(id)).toEqual({ record, version })
    const read = await one.read(id)
    spoil([read?.record.data, read?.record.principal])
    expect(await one.read(id)).toEqual({ record, version })
    const found = await one.read(id)
    const mine = { draft: ['a'] }
    const next = await one.write(id, { ...(found?.record ?? record), taken: 1, data: mine }, found, later)
    spoil(mine)
    expect((await one.read(id))?.version).toBe(next)
    expect((await one.read(id))?.record).toEqual({ ...record, taken: 1, data: { draft: ['a'] } })
  })
})

it.each<[string, unknown, boolean]>([
  ['frozen JSON', { id: 'ann', admin: true, since: 1, team: Object.freeze({ id: 't' }), boss: null }, true],
  ['a value that is not frozen', null, false],
  ['a member that is not frozen', { id: 'ann', team: { id: 't' } }, false],
  ['a date', { id: 'ann', since: Object.freeze(new Date(0)) }, false],
  ['a class instance', Object.freeze(new (class Ann {})()), false],
  ['a getter', Object.defineProperty({}, 'id', { get: () => 'ann', enumerable: true }), false],
  ['a number without JSON', { id: 'ann', since: Number.NaN }, false],
  ['a member that JSON leaves out', { id: 'ann', since: undefined }, false],
])('a record shares its principal with the writer only if nobody can change it: %s', async (name, principal, isShared) => {
  const { sessions } = memoryStore()
  const given = name === 'a value that is not frozen' ? { id: 'ann' } : Object.freeze(principal)
  const record = recordOf({ principal: given })
  await sessions.write('s', record, null, Date.now() + 60_000)
  const kept = (await sessions.read('s'))?.record
  expect(kept?.principal === given).toBe(isShared)
  expect(kept === record).toBe(isShared)
  expect(JSON.stringify(kept?.principal)).toBe(JSON.stringify(given))
})

const all = { maxMessages: 1000, maxBytes: 1_000_000 }
/** Counts as 100 bytes, 64 of which are the overhead of a message. */
const hundred = 'x'.repeat(36)

/** A store whose clock is moved by hand and whose epochs are e1, e2, … */
function storeOf(limits: MemoryLimits) {
  const clock = { now: 1_000_000 }
  let ids = 0
  const store = memoryStore(limits, {
    now: () => clock.now,
    randomId: () => {
      ids += 1
      return `e${ids}`
    },
  })
  return { ...store, clock }
}

async function fill({ topics }: MemoryStore, topic: string, count: number, data: Payload = hundred): Promise<void> {
  for (let times = 0; times < count; times += 1) await topics.append(topic, data)
}

/** What a topic holds and what it has lost: `lost 3, holds 4-6`. */
async function stateOf({ topics }: MemoryStore, topic: string): Promise<string> {
  const { messages, lostThrough } = await topics.readAfter(topic, 0, all)
  return `lost ${lostThrough}, holds ${messages[0]?.offset ?? 0}-${messages.at(-1)?.offset ?? 0}`
}

describe('the bounds of a memoryStore', () => {
  it('maxMessagesPerStream: the oldest messages are dropped first, and reported as lost', async () => {
    const store = storeOf({ maxMessagesPerStream: 3 })
    await fill(store, 'a', 5)
    expect(await stateOf(store, 'a')).toBe('lost 2, holds 3-5')
    await fill(store, 'b', 1)
    expect(await stateOf(store, 'a')).toBe('lost 2, holds 3-5')
  })

  it('maxBytesPerStream: as many of the oldest messages are dropped as the newest needs room', async () => {
    const store = storeOf({ maxBytesPerStream: 500 })
    await fill(store, 'a', 5)
    expect(await stateOf(store, 'a')).toBe('lost 0, holds 1-5')
    await fill(store, 'a', 1, 'x'.repeat(36 + 200))
    expect(await stateOf(store, 'a')).toBe('lost 3, holds 4-6')
    await fill(store, 'a', 1, new Uint8Array(500 - 64))
    expect(await stateOf(store, 'a')).toBe('lost 6, holds 7-7')
  })

  it('maxBytes: the oldest message of all topics is dropped first', async () => {
    const store = storeOf({ maxBytes: 1024, maxBytesPerStream: 500 })
    await fill(store, 'a', 4)
    await fill(store, 'b', 4)
    await fill(store, 'a', 1)
    await fill(store, 'c', 3)
    expect([await stateOf(store, 'a'), await stateOf(store, 'b'), await stateOf(store, 'c')]).toEqual([
      'lost 2, holds 3-5',
      'lost 0, holds 1-4',
      'lost 0, holds 1-3',
    ])
  })

  it('maxBytes: a flood of publications does not displace all messages sent to sessions', async () => {
    const store = storeOf({ maxBytes: 1024, maxBytesPerStream: 500 })
    for (const id of ['s', 't']) {
      await store.sessions.write(id, recordOf(), null, Infinity)
      for (let times = 0; times < 4; times += 1) await store.sessions.append(id, 'e1', { kind: 'message', data: hundred })
    }
    for (const topic of ['a', 'b', 'c']) await fill(store, topic, 5)
    const held = async (id: string) => (await store.sessions.readAfter(id, 0, all))?.messages.length
    expect([await held('s'), await held('t')]).toEqual([1, 4])
    expect([await stateOf(store, 'a'), await stateOf(store, 'b'), await stateOf(store, 'c')]).toEqual([
      'lost 5, holds 0-0',
      'lost 5, holds 0-0',
      'lost 0, holds 1-5',
    ])
  })

  it('a private stream has the bounds of any stream, and reports what it lost', async () => {
    const { sessions } = storeOf({ maxMessagesPerStream: 2 })
    await sessions.write('s', recordOf(), null, Infinity)
    for (const data of ['a', 'b', 'c']) await sessions.append('s', 'e1', { kind: 'message', data })
    expect(await sessions.readAfter('s', 0, all)).toMatchObject({ lostThrough: 1, messages: [{ offset: 2 }, { offset: 3 }] })
  })

  it('a message larger than a stream may be is refused, and no other message is dropped for it', async () => {
    const store = storeOf({ maxBytesPerStream: 1000 })
    await fill(store, 'a', 2)
    await expect(store.topics.append('a', 'x'.repeat(937))).rejects.toThrow(
      new RangeError('The message has 937 bytes; a stream holds 936 (memoryStore: maxBytesPerStream, maxBytes).'),
    )
    await expect(store.topics.append('a', new Uint8Array(937))).rejects.toThrow(RangeError)
    expect(await stateOf(store, 'a')).toBe('lost 0, holds 1-2')
    await store.sessions.write('s', recordOf(), null, Infinity)
    await expect(async () => store.sessions.append('s', 'e1', { kind: 'message', data: 'x'.repeat(937) })).rejects.toThrow(
      RangeError,
    )
    await expect(storeOf({ maxBytes: 2000 }).topics.append('a', 'x'.repeat(937))).rejects.toThrow(RangeError)
  })

  it('maxAgeMs: old messages are dropped from every topic, whichever topic is used', async () => {
    const store = storeOf({ maxAgeMs: 1000 })
    await store.sessions.write('s', recordOf(), null, Infinity)
    await store.sessions.append('s', 'e1', { kind: 'message', data: 'private' })
    await fill(store, 'a', 2)
    store.clock.now += 999
    await fill(store, 'b', 1)
    expect(await stateOf(store, 'a')).toBe('lost 0, holds 1-2')
    store.clock.now += 1
    expect([await stateOf(store, 'a'), await stateOf(store, 'b')]).toEqual(['lost 2, holds 0-0', 'lost 0, holds 1-1'])
    store.clock.now += 1e9
    await fill(store, 'a', 1)
    expect([await stateOf(store, 'a'), await stateOf(store, 'b')]).toEqual(['lost 2, holds 3-3', 'lost 1, holds 0-0'])
    expect((await store.sessions.readAfter('s', 0, all))?.messages).toHaveLength(1)
  })

  it('maxAgeMs: a clock that is set back loses no message', async () => {
    const store = storeOf({ maxAgeMs: 1000 })
    await fill(store, 'a', 1)
    store.clock.now -= 1e9
    await fill(store, 'a', 1)
    expect(await stateOf(store, 'a')).toBe('lost 0, holds 1-2')
  })

  it('maxTopics: the least recently used topic is dropped, and recreated with a new epoch and higher offsets', async () => {
    const store = storeOf({ maxTopics: 2 })
    await fill(store, 'a', 3)
    await fill(store, 'b', 1)
    expect(await tailOf(store.topics, 'a')).toEqual({ epoch: 'e1', offset: 3 })
    await fill(store, 'c', 1)
    expect(await tailOf(store.topics, 'a')).toEqual({ epoch: 'e1', offset: 3 })
    expect(await tailOf(store.topics, 'b')).toEqual({ epoch: 'e4', offset: 2 })
    expect(await store.topics.readAfter('c', 9, all)).toEqual({ epoch: 'e5', messages: [], lostThrough: 3, tail: 3 })
    expect(await store.topics.append('a', 'again')).toBe(4)
    expect(await tailOf(store.topics, 'a')).toEqual({ epoch: 'e6', offset: 4 })
  })

  it('a topic name of more than 1,024 characters is refused', async () => {
    const { topics } = memoryStore()
    await expect(topics.append('x'.repeat(1024), '')).resolves.toBe(1)
    await expect(topics.append('x'.repeat(1025), '')).rejects.toThrow(RangeError)
    await expect(tailOf(topics, 'x'.repeat(1025))).rejects.toThrow('The name of a topic has 1025 characters; it may have 1024.')
  })

  it('an epoch has eight random characters, short enough for a cursor of many streams', async () => {
    const { topics } = memoryStore()
    const epochs = await Promise.all(Array.from({ length: 1000 }, async (_, n) => (await tailOf(topics, `${n}`)).epoch))
    expect(new Set(epochs).size).toBe(1000)
    expect(epochs.filter((epoch) => !/^[\w-]{8}$/.test(epoch))).toEqual([])
  })
})

describe('the options of a memoryStore', () => {
  const made = (limits: unknown) => () => memoryStore(limits as MemoryLimits)

  it.each<[string, unknown, string]>([
    ['maxBytes', 1023, 'an integer from 1024 up; it was 1023'],
    ['maxBytes', Infinity, 'an integer from 1024 up; it was Infinity'],
    ['maxBytes', '9999', "an integer from 1024 up; it was '9999'"],
    ['maxBytesPerStream', 64, 'an integer from 65 up; it was 64'],
    ['maxMessagesPerStream', 0, 'an integer from 1 up, or Infinity; it was 0'],
    ['maxMessagesPerStream', 1.5, 'an integer from 1 up, or Infinity; it was 1.5'],
    ['maxTopics', Number.NaN, 'an integer from 1 up; it was NaN'],
    ['maxTopics', {}, 'an integer from 1 up; it was an object'],
    ['maxAgeMs', -1, 'an integer from 1 up, or Infinity; it was -1'],
    ['maxbytes', 5, 'left out; there are maxBytes, maxBytesPerStream, maxMessagesPerStream, maxTopics, maxAgeMs; it was 5'],
    ['constructor', 5, 'left out; there are maxBytes, maxBytesPerStream, maxMessagesPerStream, maxTopics, maxAgeMs; it was 5'],
  ])('%s: %j is refused', (name, value, rest) => {
    expect(made({ [name]: value })).toThrow(new TypeError(`memoryStore: ${name} must be ${rest}.`))
  })

  it('undefined means the default, and maxAgeMs may be Infinity', () => {
    expect(made({ maxBytes: undefined, maxAgeMs: Infinity })).not.toThrow()
  })
})

describe('a watcher of a memoryStore', () => {
  it('is notified once of all appends of a task, right after it', async () => {
    const { topics, sessions } = memoryStore()
    let heard = 0
    const hear = () => {
      heard += 1
    }
    topics.watch('a', hear)
    sessions.watch('s', hear)
    void sessions.write('s', recordOf(), null, Infinity)
    for (let times = 0; times < 10; times += 1) {
      void topics.append('a', 'x')
      void sessions.append('s', 'e1', { kind: 'message', data: 'x' })
    }
    expect(heard).toBe(0)
    await Promise.resolve()
    // Once each for the topic, the record, and the appends to the session.
    expect(heard).toBe(3)
    await topics.append('a', 'x')
    expect(heard).toBe(4)
  })

  it('is not notified once another watcher has stopped it', async () => {
    const { topics } = memoryStore()
    const heard: string[] = []
    const watches: Watch[] = []
    watches.push(
      topics.watch('a', () => {
        heard.push('first')
        for (const watch of watches) watch.stop()
      }),
    )
    watches.push(topics.watch('a', () => heard.push('second')))
    await topics.append('a', 'x')
    await topics.append('a', 'x')
    expect(heard).toEqual(['first'])
  })
})

describe('a memoryStore', () => {
  it('appends 200,000 messages and reads 100,000 of them in 4 s, at its bounds and among 20,000 topics', async () => {
    const { topics } = memoryStore({ maxMessagesPerStream: 1000, maxTopics: 20_000 })
    const since = process.cpuUsage()
    let read = 0
    for (let n = 0; n < 20_000; n += 1) void tailOf(topics, `other ${n}`)
    for (let n = 1; n <= 100_000; n += 1) {
      void topics.append('a', 'x')
      void topics.append('b', 'x')
      if (n % 10 === 0) read += (await topics.readAfter('a', n - 10, all)).messages.length
    }
    expect(read).toBe(100_000)
    // A scan, or a Map that is used as a queue, takes a hundred times as long.
    expect(process.cpuUsage(since).user / 1000).toBeLessThan(4000)
  })

  it('finds an expired session among 50,000 that are renewed all the time, 200 times in 2 s', async () => {
    const { sessions } = memoryStore()
    for (let n = 0; n < 50_000; n += 1) void sessions.write(`s${n}`, recordOf({ principalId: `p${n}` }), null, n)
    const since = performance.now()
    for (let times = 1; times <= 200; times += 1) {
      for (let n = 0; n < 50_000; n += 500) void sessions.renew([`s${n}`], 100_000 + times)
      expect(await sessions.expired(1, 100)).toEqual(['s1'])
    }
    expect(performance.now() - since).toBeLessThan(2000)
  })
})

describe('the message that a full memoryStore drops', () => {
  const textOf = (bytes: number) => 'x'.repeat(bytes - 64)

  async function stored(principals: readonly string[], maxBytes = 10_000) {
    const { sessions } = memoryStore({ maxBytes })
    for (const [index, principalId] of principals.entries())
      await sessions.write(`s${index}`, recordOf({ principalId }), null, Infinity)
    const held = async (index: number) => (await sessions.readAfter(`s${index}`, 0, all))?.messages.length
    const push = (index: number, bytes: number) => sessions.append(`s${index}`, 'e1', { kind: 'message', data: textOf(bytes) })
    return { sessions, held, push }
  }

  it('belongs to the principal with the most bytes over all its sessions', async () => {
    const { held, push } = await stored(['ann', 'bob', 'bob', 'bob'])
    for (let times = 0; times < 4; times += 1) await push(0, 1000)
    for (let times = 0; times < 50; times += 1) for (const index of [1, 2, 3]) await push(index, 500)
    expect(await held(0)).toBe(4)
    expect(await Promise.all([held(1), held(2), held(3)])).toEqual([4, 4, 4])
  })

  it('belongs to the largest session if all are anonymous', async () => {
    const { held, push } = await stored(['anonymous', 'anonymous'])
    for (let times = 0; times < 4; times += 1) await push(0, 1000)
    for (let times = 0; times < 50; times += 1) await push(1, 1000)
    expect([await held(0), await held(1)]).toEqual([4, 5])
  })

  it('belongs to the address with the most bytes if all are anonymous, and there to its largest session', async () => {
    const { sessions } = memoryStore({ maxBytes: 20_000 })
    const addresses = ['one', ...Array.from({ length: 30 }, () => 'other')]
    for (const [index, address] of addresses.entries())
      await sessions.write(`s${index}`, recordOf({ principalId: 'anonymous', address }), null, Infinity)
    const push = (index: number, bytes: number) => sessions.append(`s${index}`, 'e1', { kind: 'message', data: textOf(bytes) })
    const held = async (index: number) => (await sessions.readAfter(`s${index}`, 0, all))?.messages.length
    for (let times = 0; times < 4; times += 1) await push(0, 1000)
    await push(1, 500)
    for (let times = 0; times < 50; times += 1) for (let index = 2; index <= 30; index += 1) await push(index, 500)
    expect([await held(0), await held(1)]).toEqual([4, 1])
    for (let index = 0; index <= 30; index += 1) await sessions.trim(`s${index}`, 1000)
    expect(await Promise.all(addresses.map((_, index) => held(index)))).toEqual(addresses.map(() => 0))
  })

  it('is found in a time that hardly grows with the number of principals', { timeout: 60_000 }, async () => {
    const cost = async (principals: number) => {
      const { sessions } = memoryStore({ maxBytes: principals * 1000 })
      for (let n = 0; n < principals; n += 1) {
        await sessions.write(`${n}`, recordOf({ principalId: `${n}` }), null, Infinity)
        sessions.append(`${n}`, 'e1', { kind: 'message', data: textOf(1000) })
      }
      const since = process.cpuUsage()
      for (let times = 0; times < 20_000; times += 1)
        sessions.append(`${times % principals}`, 'e1', { kind: 'message', data: textOf(1000) })
      return process.cpuUsage(since).user
    }
    await cost(1000)
    const few = Math.min(await cost(1000), await cost(1000))
    expect(Math.min(await cost(16_000), await cost(16_000))).toBeLessThan(6 * few)
  })
})

/** Overwrites and deletes as much of a value as possible. */
function spoil(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0x55)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      spoil(part)
      Reflect.deleteProperty(value, key)
      if (!Object.isFrozen(value)) Reflect.set(value, 'spoilt', true)
      Reflect.deleteProperty(value, 'spoilt')
    }
  }
}
