import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import type { SessionStore } from '../store/ports.ts'
import { pass } from './contract-case.ts'
import { oddNames } from './payload-samples.ts'
import { everything } from './readings.ts'
import { ending, later, made, recordOf, replaced, type SessionCheck } from './session-trial.ts'

const subscription = { stream: 3, topic: 'chat:42', epoch: 'k7', from: 1040 }

const names = oddNames.map((name): SessionCheck => {
  return [
    `accepts ${JSON.stringify(name.slice(0, 20))} as the id of a session and of a principal`,
    async ({ one, other }) => {
      // Another run on the same engine may have left a session of this name.
      const left = await one.read(name)
      if (left) await one.remove(name, left.version)
      const before = (await one.count(name)).ofPrincipal
      const { version } = await made(one, name, recordOf({ principalId: name }))
      equal((await other.read(name))?.version, version)
      equal((await other.count(name)).ofPrincipal, before + 1)
      ok((await other.sessionsOf(name)).includes(name))
      ok(await other.append(name, 'e1', { kind: 'm', data: 'x' }))
      equal(await one.remove(name, version), true)
      equal((await one.count(name)).ofPrincipal, before)
      equal(await other.read(name), null)
    },
  ]
})

export const sessionRecords: readonly SessionCheck[] = [
  [
    'has one id for all nodes, and a clock that advances and does not go back',
    async ({ store, one, other, id }) => {
      for (const node of [one, other]) {
        ok(node.id === null || /^[\w-]{1,64}$/.test(node.id), 'an id consists of 1 to 64 letters, digits, `-` and `_`')
        await node.read(id)
      }
      match(one.id ?? '', /^[\w-]{1,64}$/)
      equal(other.id, one.id)
      let before = 0
      for (let times = 0; times < 20; times += 1) {
        const now = one.now()
        ok(Number.isFinite(now) && now >= before, `now() does not go back from ${before} to ${now}`)
        before = now
        await one.read(id)
      }
      await pass(store, 50)
      ok(one.now() > before, 'the clock advances')
      ok(Math.abs(one.now() - other.now()) < 5000, 'the clock is the store’s, and the same on all nodes')
    },
  ],
  [
    'knows nothing of a session that nobody made',
    async ({ one, other, id, ann }) => {
      const before = { record: recordOf(), version: 1 }
      equal(await one.read(id), null)
      equal(await one.readAfter(id, 0, everything), null)
      equal(await one.append(id, 'e1', { kind: 'm', data: 'x' }), null)
      equal(await one.remove(id, 0), false)
      equal(await one.remove(id, 1), false)
      deepEqual(await one.renew([id], later(one)), [null])
      await one.trim(id, 5)
      equal(await one.write(id, recordOf(), before, later(one)), null)
      equal(await other.read(id), null)
      deepEqual(await other.sessionsOf(ann), [])
      equal((await other.count(ann)).ofPrincipal, 0)
    },
  ],
  [
    'returns every field of a record, on any node',
    async ({ one, other, id }) => {
      const record = recordOf({
        data: {
          list: [1, 'two €😀', null, { three: true }, [], {}, ''],
          nothing: null,
          ['__proto__']: 'own',
          large: 'x'.repeat(50_000),
        },
        principal: { id: 'ann', roles: [], limit: 0.5, isAdmin: false },
        authenticatedAt: null,
        taken: 9,
        done: 7,
        redeliveredThrough: 3,
        takenBefore: 11,
        answeredAt: 12,
        protocol: 'v2.chat',
        isPinned: true,
        lease: { node: 'n1', until: later(one) },
        turn: 4,
        k: 6,
        subscriptions: [subscription, { ...subscription, stream: 4, topic: '__proto__', as: 'news', until: 99 }],
        lastStream: Number.MAX_SAFE_INTEGER,
        lastEnd: { by: 'network', code: 1006, reason: '' },
        ended: ending,
      })
      const { version } = await made(one, id, record)
      deepEqual(await other.read(id), { record, version })
      deepEqual(await one.read(id), { record, version })
      const plainest = recordOf({ principal: 'ann', data: [] })
      const next = await one.write(id, plainest, { record, version }, later(one))
      deepEqual(await other.read(id), { record: plainest, version: next })
    },
  ],
  [
    'replaces a record only if the one before is still the current one',
    async ({ one, other, id }) => {
      const first = await made(one, id)
      equal(await other.write(id, recordOf({ taken: 1 }), null, later(one)), null, 'a session that is there is not made again')
      const second = await replaced(other, id, first, { taken: 2 })
      notEqual(second.version, first.version)
      equal(await one.write(id, recordOf({ taken: 3 }), first, later(one)), null)
      equal(await other.write(id, recordOf({ taken: 3 }), { ...first, version: second.version + 1 }, later(one)), null)
      deepEqual(await one.read(id), second)
    },
  ],
  [
    'keeps what two records share, and writes what they do not',
    async ({ one, other, id }) => {
      const principal = { id: 'ann', roles: ['reader', 'writer'] }
      const data = { draft: 'x'.repeat(10_000) }
      let current = await made(one, id, recordOf({ principal, data, subscriptions: [subscription] }))
      const changes = [
        { taken: 1, lease: { node: 'n1', until: 5 } },
        { done: 1, lease: null },
        { data: { draft: 'y' } },
        { taken: 2 },
        { subscriptions: [] },
        { principal: { id: 'ann', roles: [] }, authenticatedAt: 77 },
        { turn: 3, k: 1, lastEnd: ending },
        { data: null },
        { principal: null, subscriptions: [subscription] },
        { ended: ending },
      ]
      for (const change of changes) {
        // Alternates between a written and a read record, and between the two nodes.
        current = await replaced(one, id, current, change)
        deepEqual(await other.read(id), current)
        const read = await other.read(id)
        ok(read)
        current = await replaced(other, id, read, { redeliveredThrough: current.record.redeliveredThrough + 1 })
        deepEqual(await one.read(id), current)
      }
    },
  ],
  [
    'lets one of many that write at once be first',
    async ({ one, other, id }) => {
      const first = await made(one, id)
      const write = (_: unknown, n: number) => (n % 2 ? one : other).write(id, recordOf({ taken: n }), first, later(one))
      const versions = await Promise.all(Array.from({ length: 20 }, write))
      equal(versions.filter((each) => each !== null).length, 1)
      equal(
        (await one.read(id))?.record.taken,
        versions.findIndex((each) => each !== null),
      )
      const makers = [one, other, one].map((node) => node.write(`${id}'`, recordOf(), null, later(one)))
      equal((await Promise.all(makers)).filter((each) => each !== null).length, 1)
    },
  ],
  [
    'counts up without losing one when two nodes add',
    async ({ one, other, id }) => {
      await made(one, id)
      const add = async (node: SessionStore) => {
        for (;;) {
          const found = await node.read(id)
          ok(found)
          const record = { ...found.record, taken: found.record.taken + 1 }
          if ((await node.write(id, record, found, later(node))) !== null) return
        }
      }
      await Promise.all(Array.from({ length: 30 }, (_, n) => add(n % 2 ? one : other)))
      equal((await one.read(id))?.record.taken, 30)
    },
  ],
  [
    'never takes a session that was made again for the one before',
    async ({ one, other, id }) => {
      const first = await made(one, id, recordOf({ data: 'of the first' }))
      equal(await other.remove(id, first.version), true)
      equal(await other.read(id), null)
      equal(await one.write(id, recordOf({ taken: 5 }), first, later(one)), null, 'a session that is gone is not replaced')
      const again = await made(one, id, recordOf({ epoch: 'e2' }))
      notEqual(again.version, first.version)
      equal(await one.write(id, { ...first.record, taken: 5 }, first, later(one)), null)
      equal(await one.remove(id, first.version), false)
      deepEqual(await other.read(id), again)
    },
  ],
  [
    'removes a session once, if the version is still the current one',
    async ({ one, other, id }) => {
      const first = await made(one, id)
      const second = await replaced(one, id, first, { taken: 1 })
      equal(await other.remove(id, first.version), false)
      const removals = await Promise.all([one, other, one].map((node) => node.remove(id, second.version)))
      deepEqual(
        removals.filter((isRemoved) => isRemoved),
        [true],
      )
      deepEqual(await other.renew([id], later(one)), [null])
    },
  ],
  ...names,
]
