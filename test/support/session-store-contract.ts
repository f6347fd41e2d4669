import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PrivateAppend, SessionNews, SessionRecord, SessionStore } from '../../src/server/store/ports.ts'
import { versioned } from './store-calls.ts'
import { until } from './topic-log-contract.ts'

/** An engine under test: what two nodes have of one store (of an engine within one process: twice the same). */
export interface OpenSessionStore {
  readonly nodes: readonly [SessionStore, SessionStore]
  close(): Promise<void>
}

export function recordOf(more: Partial<SessionRecord> = {}): SessionRecord {
  return {
    epoch: 'e1',
    principalId: 'ann',
    authenticatedAt: 0,
    principal: { id: 'ann', roles: ['reader'] },
    data: null,
    taken: 0,
    done: 0,
    redeliveredThrough: 0,
    lease: null,
    turn: 0,
    k: 0,
    subscriptions: [],
    lastStream: 0,
    lastEnd: null,
    ended: null,
    ...more,
  }
}

const all = { maxMessages: 1000, maxBytes: 1_000_000 }
const ending = { by: 'server', code: 4001, reason: 'kicked' } as const
const subscription = { stream: 3, topic: 'chat:42', epoch: 'k7', from: 1040 }

/** What every engine behind `SessionStore` has to keep to. The clock of the tests stands at `now`, wall-clock milliseconds. */
export function sessionStoreContract(engine: string, open: () => Promise<OpenSessionStore>): void {
  let store: OpenSessionStore
  let one: SessionStore
  let other: SessionStore
  let id: string
  const now = Date.now()
  const later = now + 60_000

  beforeEach(async () => {
    store = await open()
    one = store.nodes[0]
    other = store.nodes[1]
    id = `session ${Math.random()}`
  })
  afterEach(() => store.close())

  async function made(record = recordOf(), expiresAt = later): Promise<number> {
    const version = await one.write(id, record, null, expiresAt)
    if (version === null) throw new Error('It was there already.')
    return version
  }
  const entries = async (after = 0) => (await other.readAfter(id, after, all))?.messages

  describe(`${engine} as a SessionStore: records`, () => {
    it('knows nothing of a session that nobody made', async () => {
      expect(await one.read(id)).toBeNull()
      expect(await one.readAfter(id, 0, all)).toBeNull()
      expect(await one.append(id, 'e1', { kind: 'message', data: 'x' })).toBeNull()
      expect(await one.remove(id, 0)).toBe(false)
      expect(await one.remove(id, 1)).toBe(false)
      await one.renew([id], later)
      await one.trim(id, 5)
      expect(await one.read(id)).toBeNull()
      expect(await one.write(id, recordOf(), versioned(7), later)).toBeNull()
      expect(await one.read(id)).toBeNull()
    })

    it('gives every field back, on any node', async () => {
      const record = recordOf({
        data: { list: [1, 'two', null, { three: true }], ['__proto__']: 'own' },
        taken: 9,
        done: 7,
        redeliveredThrough: 3,
        lease: { node: 'n1', until: later },
        turn: 4,
        k: 6,
        subscriptions: [subscription, { ...subscription, stream: 4, topic: '__proto__' }],
        lastStream: Number.MAX_SAFE_INTEGER,
        lastEnd: { by: 'network', code: 1006, reason: '' },
        ended: ending,
      })
      const version = await made(record)
      expect(await other.read(id)).toEqual({ record, version })
    })

    it('replaces a record only where the version is still the one that was read', async () => {
      const version = await made()
      expect(await other.write(id, recordOf({ taken: 1 }), null, later)).toBeNull()
      const next = await other.write(id, recordOf({ taken: 2 }), versioned(version), later)
      expect(next).not.toBeNull()
      expect(next).not.toBe(version)
      expect(await one.write(id, recordOf({ taken: 3 }), versioned(version), later)).toBeNull()
      expect(await one.read(id)).toEqual({ record: recordOf({ taken: 2 }), version: next })
    })

    it('of many that write at once one is first', async () => {
      const version = await made()
      const versions = await Promise.all(
        Array.from({ length: 20 }, (_, n) => (n % 2 ? one : other).write(id, recordOf({ taken: n }), versioned(version), later)),
      )
      expect(versions.filter((each) => each !== null)).toHaveLength(1)
      expect((await one.read(id))?.record.taken).toBe(versions.findIndex((each) => each !== null))
      const strangers = await Promise.all([one, other].map((node) => node.write(`${id}'`, recordOf(), null, later)))
      expect(strangers.filter((each) => each !== null)).toHaveLength(1)
    })

    it('counts up without losing one when two nodes add', async () => {
      await made()
      const add = async (node: SessionStore) => {
        for (;;) {
          const found = await node.read(id)
          if (!found) throw new Error('It is gone.')
          const record = { ...found.record, taken: found.record.taken + 1 }
          if ((await node.write(id, record, versioned(found.version), later)) !== null) return
        }
      }
      await Promise.all(Array.from({ length: 40 }, (_, n) => add(n % 2 ? one : other)))
      expect((await one.read(id))?.record.taken).toBe(40)
    })

    it('never takes a session made anew for the one before', async () => {
      const version = await made()
      expect(await other.remove(id, version)).toBe(true)
      const again = await made(recordOf({ epoch: 'e2' }))
      expect(again).not.toBe(version)
      expect(await one.write(id, recordOf({ taken: 5 }), versioned(version), later)).toBeNull()
      expect(await one.remove(id, version)).toBe(false)
      expect(await other.read(id)).toEqual({ record: recordOf({ epoch: 'e2' }), version: again })
    })

    it('keeps its own principal and data, whatever becomes of those it was given, and gives none that can be spoilt', async () => {
      const record = recordOf({ data: { seen: [1] }, principal: { id: 'p1', roles: ['reader'] }, subscriptions: [subscription] })
      const { data, principal } = structuredClone(record)
      const version = await made({ ...record, data, principal })
      spoil([data, principal])
      expect(await one.read(id)).toEqual({ record, version })
      const read = await one.read(id)
      spoil([read?.record.data, read?.record.principal])
      expect(await one.read(id)).toEqual({ record, version })
      const found = await one.read(id)
      const mine = { draft: ['a'] }
      const next = await one.write(id, { ...(found?.record ?? record), taken: 1, data: mine }, versioned(version), later)
      spoil(mine)
      expect((await other.read(id))?.version).toBe(next)
      expect((await other.read(id))?.record).toEqual({ ...record, taken: 1, data: { draft: ['a'] } })
    })

    it.each(['__proto__', 'constructor', 'toString', ''])('%j is an id, and a principal, like any other', async (name) => {
      const before = (await one.count(name)).ofPrincipal
      const version = await one.write(name, recordOf({ principalId: name }), null, later)
      expect((await other.read(name))?.version).toBe(version)
      expect((await other.count(name)).ofPrincipal).toBe(before + 1)
      expect(await one.append(name, 'e1', { kind: 'message', data: 'x' })).toBeGreaterThan(0)
      expect(await one.remove(name, version ?? 0)).toBe(true)
      expect((await one.count(name)).ofPrincipal).toBe(before)
    })
  })

  describe(`${engine} as a SessionStore: counts and expiry`, () => {
    it('counts the sessions that have not ended, in all and of a principal', async () => {
      const [ann, bob] = [`ann ${id}`, `bob ${id}`]
      const inAll = (await one.count(ann)).all
      const counts = async () => [
        (await other.count(bob)).all - inAll,
        (await other.count(ann)).ofPrincipal,
        (await other.count(bob)).ofPrincipal,
      ]
      const first = await made(recordOf({ principalId: ann }))
      const second = await one.write(`${id}'`, recordOf({ principalId: ann }), null, later)
      await one.write(`${id}"`, recordOf({ principalId: bob }), null, later)
      expect(await counts()).toEqual([3, 2, 1])
      const ended = await one.write(id, recordOf({ principalId: ann, ended: ending }), versioned(first), later)
      expect(await counts()).toEqual([2, 1, 1])
      expect(await one.remove(id, ended ?? 0)).toBe(true)
      expect(await counts()).toEqual([2, 1, 1])
      const renamed = await one.write(`${id}'`, recordOf({ principalId: bob, epoch: 'e2' }), versioned(second ?? 0), later)
      expect(await counts()).toEqual([2, 0, 2])
      expect(await one.remove(`${id}'`, renamed ?? 0)).toBe(true)
      expect(await counts()).toEqual([1, 0, 1])
    })

    it('gives out what has expired, the oldest first and no more than asked for, until it is removed or renewed', async () => {
      const ids = [3, 1, 4, 2].map((n) => `${id} ${n}`)
      for (const each of ids) await one.write(each, recordOf(), null, now + Number(each.at(-1)) * 1000)
      const mine = async (at: number, limit = 1000) =>
        (await other.expired(at, limit)).filter((each) => each.startsWith(id)).map((each) => Number(each.at(-1)))
      expect(await mine(now + 999)).toEqual([])
      expect(await mine(now + 1000)).toEqual([1])
      expect(await mine(now + 3000)).toEqual([1, 2, 3])
      expect(await mine(now + 4000, 2)).toEqual([1, 2])
      await one.renew([`${id} 1`], now + 10_000)
      expect(await mine(now + 4000)).toEqual([2, 3, 4])
      expect(await one.remove(`${id} 3`, (await one.read(`${id} 3`))?.version ?? 0)).toBe(true)
      await one.renew([`${id} 4`], now + 500)
      expect(await mine(now + 4000)).toEqual([2, 4])
      expect(await mine(now + 10_000)).toEqual([2, 4, 1])
    })

    it('renews without changing the record or its version; a write sets the expiry too', async () => {
      const version = await made(recordOf(), now + 1000)
      await other.renew([id], now + 5000)
      expect(await one.read(id)).toEqual({ record: recordOf(), version })
      expect(await one.expired(now + 2000, 1000)).not.toContain(id)
      await other.renew([id], now + 1000)
      expect(await one.expired(now + 2000, 1000)).not.toContain(id)
      await one.write(id, recordOf({ taken: 1 }), versioned(version), now + 1500)
      expect(await one.expired(now + 2000, 1000)).toContain(id)
      expect(await one.write(id, recordOf(), versioned(version), now + 90_000)).toBeNull()
      expect(await one.expired(now + 2000, 1000)).toContain(id)
    })

    it('forgets none that was not given out', async () => {
      const version = await made(recordOf(), now - 60_000)
      expect((await one.read(id))?.version).toBe(version)
      expect(await one.append(id, 'e1', { kind: 'message', data: 'x' })).toBeGreaterThan(0)
      expect(await one.expired(now, 1000)).toContain(id)
    })
  })

  describe(`${engine} as a SessionStore: private streams`, () => {
    const kinds: readonly PrivateAppend[] = [
      { kind: 'message', data: 'a\r\n€' },
      { kind: 'subscribed', meta: subscription },
      { kind: 'message', data: Uint8Array.of(0, 255, 10) },
      { kind: 'unsubscribed', meta: { stream: 3 } },
      { kind: 'message', data: '' },
    ]

    it('keeps messages and changes of subscriptions in order', async () => {
      await made()
      expect(await other.readAfter(id, 0, all)).toEqual({ epoch: 'e1', messages: [], lostThrough: 0, tail: 0 })
      const offsets: number[] = []
      for (const entry of kinds) offsets.push((await one.append(id, 'e1', entry)) ?? 0)
      expect(offsets.every((offset, index) => offset > (offsets[index - 1] ?? 0))).toBe(true)
      expect(plain(await entries())).toEqual(plain(kinds.map((entry, index) => ({ offset: offsets[index], ...entry }))))
      expect(plain(await entries(offsets[2]))).toHaveLength(2)
    })

    it('keeps to the limits of a read, but gives one entry in any case', async () => {
      await made()
      for (let times = 0; times < 4; times += 1) await one.append(id, 'e1', { kind: 'message', data: 'x'.repeat(10) })
      const read = async (maxMessages: number, maxBytes: number) =>
        (await other.readAfter(id, 0, { maxMessages, maxBytes }))?.messages.length
      expect([await read(2, 100), await read(9, 30), await read(9, 29), await read(9, 1)]).toEqual([2, 3, 2, 1])
    })

    it('keeps its own bytes, whatever becomes of those it was given', async () => {
      await made()
      const given = structuredClone(kinds)
      for (const entry of given) await one.append(id, 'e1', entry)
      for (const entry of given) if ('data' in entry) spoil(entry.data)
      expect(plain(await entries())).toMatchObject(plain(kinds) as object)
    })

    it('takes nothing for a session that has ended, and goes on giving what it has', async () => {
      const version = await made()
      const offset = await one.append(id, 'e1', { kind: 'message', data: 'last' })
      await one.write(id, recordOf({ ended: { by: 'server', code: 4410, reason: '' } }), versioned(version), later)
      expect(await other.append(id, 'e1', { kind: 'message', data: 'late' })).toBeNull()
      expect((await other.readAfter(id, 0, all))?.messages).toEqual([{ offset, kind: 'message', data: 'last' }])
    })

    it('takes nothing for another life of the session', async () => {
      const version = await made()
      expect(await one.append(id, 'e2', { kind: 'message', data: 'x' })).toBeNull()
      await one.append(id, 'e1', { kind: 'message', data: 'old' })
      await one.write(id, recordOf({ epoch: 'e2' }), versioned(version), later)
      expect(await other.append(id, 'e1', { kind: 'message', data: 'late' })).toBeNull()
      expect(await other.readAfter(id, 0, all)).toEqual({ epoch: 'e2', messages: [], lostThrough: 0, tail: 0 })
      const offset = await one.append(id, 'e2', { kind: 'message', data: 'new' })
      expect(await entries()).toEqual([{ offset, kind: 'message', data: 'new' }])
    })

    it('forgets up to an offset, and says so; the record stays', async () => {
      const version = await made()
      const offsets: number[] = []
      for (const data of ['a', 'b', 'c']) offsets.push((await one.append(id, 'e1', { kind: 'message', data })) ?? 0)
      const [first = 0, , third = 0] = offsets
      await other.trim(id, first)
      expect(await one.readAfter(id, 0, all)).toMatchObject({ epoch: 'e1', lostThrough: first })
      expect((await entries())?.map(({ offset }) => offset)).toEqual(offsets.slice(1))
      await other.trim(id, third + 100)
      expect(await one.readAfter(id, 0, all)).toEqual({ epoch: 'e1', messages: [], lostThrough: third, tail: third })
      expect(await one.append(id, 'e1', { kind: 'message', data: 'd' })).toBeGreaterThan(third)
      expect(await entries()).toHaveLength(1)
      expect((await one.read(id))?.version).toBe(version)
    })

    it('goes with the session', async () => {
      await one.append(id, 'e1', { kind: 'message', data: 'x' })
      const version = await made()
      await one.append(id, 'e1', { kind: 'message', data: 'x' })
      expect(await one.remove(id, version)).toBe(true)
      expect(await other.readAfter(id, 0, all)).toBeNull()
      await made()
      expect(await entries()).toEqual([])
    })
  })

  describe(`${engine} as a SessionStore: watching`, () => {
    it.each<[string, (version: number) => unknown]>([
      ['a write', (version) => one.write(id, recordOf({ taken: 1 }), versioned(version), later)],
      ['an append', () => one.append(id, 'e1', { kind: 'message', data: 'x' })],
      ['a removal', (version) => one.remove(id, version)],
    ])('tells of %s, on any node, and only of that session', async (_, change) => {
      const version = await made()
      const heard: string[] = []
      const stops = [
        one.watch(id, () => heard.push('one')),
        one.watch(id, () => {
          throw new Error('mine alone')
        }),
        other.watch(id, () => heard.push('other')),
        other.watch(`${id}'`, () => heard.push('stranger')),
      ]
      one.watch(id, () => heard.push('stopped')).stop()
      const changed = change(version)
      expect(heard).toEqual([])
      await changed
      await until(() => heard.includes('one') && heard.includes('other'))
      expect(heard).not.toContain('stranger')
      expect(heard).not.toContain('stopped')
      for (const watch of stops) watch.stop()
    })

    it('tells the version of a record that was written, 0 when it was removed, and where the stream ends after an append', async () => {
      // It may be told more than once.
      const told = new Set<string>()
      const textOf = (news: SessionNews) => JSON.stringify(news)
      const stop = other.watch(id, (news) => told.add(textOf(news)))
      const first = await made()
      await one.append(id, 'e1', { kind: 'message', data: 'x' })
      const second = (await one.write(id, recordOf({ taken: 1 }), versioned(first), later)) ?? -1
      await until(() => told.has(textOf({ version: second })))
      await one.remove(id, second)
      await until(() => told.has(textOf({ version: 0 })))
      stop.stop()
      expect([...told]).toEqual(
        [
          { version: first },
          { tail: 1, epoch: 'e1', entry: { kind: 'message', data: 'x' } },
          { version: second },
          { version: 0 },
        ].map(textOf),
      )
    })

    it('can be asked before there is a session', async () => {
      let heard = 0
      const stop = other.watch(id, () => {
        heard += 1
      })
      await made()
      await until(() => heard > 0)
      stop.stop()
    })
  })
}

/** Bytes as numbers, so that it does not matter which of Node's classes they come in. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

/** Destroys as much of a value as can be destroyed. */
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
