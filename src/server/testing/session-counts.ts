import { deepEqual, equal, ok } from 'node:assert/strict'
import { ending, later, made, recordOf, replaced, type SessionCheck } from './session-trial.ts'

export const sessionCounts: readonly SessionCheck[] = [
  [
    'counts and names the sessions that have not ended',
    async ({ one, other, id, ann }) => {
      const bob = `${ann}'s friend`
      const base = (await one.count(ann)).all
      const counts = async () => {
        const [ofAnn, ofBob] = [await other.count(ann), await one.count(bob)]
        deepEqual((await one.sessionsOf(ann)).length, ofAnn.ofPrincipal)
        equal(ofAnn.all, ofBob.all)
        return [ofAnn.all - base, ofAnn.ofPrincipal, ofBob.ofPrincipal]
      }
      const first = await made(one, id, recordOf({ principalId: ann }))
      const second = await made(other, `${id}'`, recordOf({ principalId: ann }))
      await made(one, `${id}"`, recordOf({ principalId: bob }))
      deepEqual(await counts(), [3, 2, 1])
      deepEqual([...(await other.sessionsOf(ann))].sort(), [id, `${id}'`].sort())
      const more = await replaced(other, id, first, { taken: 1 })
      deepEqual(await counts(), [3, 2, 1])
      const ended = await replaced(one, id, more, { ended: ending })
      deepEqual(await counts(), [2, 1, 1])
      deepEqual(await one.sessionsOf(ann), [`${id}'`])
      const renewed = await replaced(other, id, ended, { lastEnd: ending })
      equal(await one.remove(id, renewed.version), true)
      deepEqual(await counts(), [2, 1, 1])
      const given = await replaced(one, `${id}'`, second, { principalId: bob, epoch: 'e2' })
      deepEqual(await counts(), [2, 0, 2])
      deepEqual([...(await other.sessionsOf(bob))].sort(), [`${id}'`, `${id}"`].sort())
      equal(await other.remove(`${id}'`, given.version), true)
      deepEqual(await counts(), [1, 0, 1])
    },
  ],
  [
    'tells principals apart',
    async ({ one, other, id, ann }) => {
      const others = [ann.toUpperCase(), `${ann} `, ` ${ann}`, `${ann}\0`, `${ann}:`, `${ann}*`, ann.slice(0, -1)]
      for (const [index, principalId] of others.entries()) await made(one, `${id} ${index}`, recordOf({ principalId }))
      deepEqual([(await other.count(ann)).ofPrincipal, await other.sessionsOf(ann)], [0, []])
      for (const [index, principalId] of others.entries()) deepEqual(await other.sessionsOf(principalId), [`${id} ${index}`])
    },
  ],
  [
    'counts every session once when two nodes make them at once',
    async ({ one, other, id, ann }) => {
      const write = (_: unknown, n: number) =>
        (n % 2 ? one : other).write(`${id} ${n >> 1}`, recordOf({ principalId: ann }), null, later(one))
      await Promise.all(Array.from({ length: 20 }, write))
      equal((await one.count(ann)).ofPrincipal, 10)
      equal(new Set(await other.sessionsOf(ann)).size, 10)
    },
  ],
  [
    'names what has expired, the oldest first and no more than asked for, until it is removed or renewed',
    async ({ one, other, id }) => {
      await one.read(id)
      const now = one.now()
      for (const n of [3, 1, 4, 2]) await made(one, `${id} ${n}`, recordOf(), now + n * 1000)
      const mine = async (at: number) =>
        (await other.expired(at, 10_000)).filter((each) => each.startsWith(id)).map((each) => Number(each.at(-1)))
      deepEqual(await mine(now + 999), [])
      deepEqual(await mine(now + 1000), [1])
      deepEqual(await mine(now + 3000), [1, 2, 3])
      deepEqual(await mine(now + 3000), [1, 2, 3])
      const two = await one.expired(now + 4000, 2)
      equal(two.length, 2)
      await one.renew([`${id} 1`], now + 10_000)
      deepEqual(await mine(now + 4000), [2, 3, 4])
      equal(await one.remove(`${id} 3`, (await one.read(`${id} 3`))?.version ?? 0), true)
      await one.renew([`${id} 4`], now + 500)
      deepEqual(await mine(now + 4000), [2, 4])
      deepEqual(await mine(now + 10_000), [2, 4, 1])
      for (const n of [1, 2, 4]) equal(await other.remove(`${id} ${n}`, (await one.read(`${id} ${n}`))?.version ?? 0), true)
      deepEqual(await mine(now + 10_000), [])
    },
  ],
  [
    'renews many sessions at once without changing them, and says where each of them stands',
    async ({ one, other, id }) => {
      await one.read(id)
      const now = one.now()
      const ids = ['a', 'b', 'c'].map((name) => `${id} ${name}`)
      const versioned = []
      for (const each of ids) versioned.push(await made(one, each, recordOf(), now + 1000))
      const [a = '', b = '', c = ''] = ids
      const tail = await one.append(b, 'e1', { kind: 'm', data: 'x' })
      await one.append(c, 'e1', { kind: 'm', data: 'x' })
      const trimmed = await one.append(c, 'e1', { kind: 'm', data: 'y' })
      await one.trim(c, trimmed ?? 0)
      const states = [
        { version: versioned[0]?.version, tail: 0 },
        { version: versioned[1]?.version, tail },
        { version: versioned[2]?.version, tail: trimmed },
      ]
      deepEqual(await other.renew([a, `${id} nobody`, b, c, a], now + 5000), [states[0], null, states[1], states[2], states[0]])
      deepEqual(await other.renew([], now + 5000), [])
      deepEqual(await one.read(a), versioned[0])
      const expired = async () => (await other.expired(now + 2000, 10_000)).filter((each) => each.startsWith(id))
      deepEqual(await expired(), [])
      deepEqual(await other.renew([a], now + 1000), [states[0]])
      deepEqual(await expired(), [], 'an expiry is never moved earlier by a renewal')
      const [first] = versioned
      ok(first)
      const second = await replaced(one, a, first, { taken: 1 }, now + 1500)
      deepEqual(await expired(), [a], 'a write sets the expiry')
      equal(await one.write(a, recordOf(), first, now + 90_000), null)
      deepEqual(await expired(), [a], 'a write that was not first changes nothing')
      deepEqual(await one.renew([a], now + 5000), [{ version: second.version, tail: 0 }])
      deepEqual(await expired(), [])
    },
  ],
  [
    'discards no session that it has not named as expired',
    async ({ one, other, id, ann }) => {
      await one.read(id)
      const now = one.now()
      const session = await made(one, id, recordOf({ principalId: ann }), now - 60_000)
      deepEqual(await other.read(id), session)
      ok(await one.append(id, 'e1', { kind: 'm', data: 'x' }))
      equal((await other.count(ann)).ofPrincipal, 1)
      ok((await other.expired(now, 10_000)).includes(id))
    },
  ],
]
