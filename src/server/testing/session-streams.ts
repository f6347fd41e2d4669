import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { PrivateAppend } from '../store/ports.ts'
import { payloadSamples, plain } from './payload-samples.ts'
import { checkReading, everything } from './readings.ts'
import { ending, entriesOf, later, made, recordOf, replaced, type SessionCheck } from './session-trial.ts'

const metas: readonly unknown[] = [
  ...[null, false, 0, '', 'text', -1.5, [], {}, [null, [1]]],
  { topic: 'chat:42', stream: 3, ['__proto__']: { own: true }, text: 'é\r\n\u2028😀' },
]

/** Entries of every shape; their kinds have no meaning to a store. */
const shapes = (): readonly PrivateAppend[] => [
  ...payloadSamples.map(([, dataOf]) => ({ kind: 'message', data: dataOf() })),
  ...metas.map((meta) => ({ kind: 'meta', meta })),
  { kind: 'both', meta: { n: 1 }, data: 'a' },
  { kind: 'bytes', meta: { n: 2 }, data: Uint8Array.of(0, 255) },
  { kind: 'neither' },
  { kind: '__proto__' },
  { kind: 'a kind: of\r\nits own' },
]

const empty = (epoch: string) => ({ epoch, messages: [], lostThrough: 0, tail: 0 })

export const sessionStreams: readonly SessionCheck[] = [
  [
    'returns entries as they were appended, in order, without knowing their kinds',
    async ({ one, other, id }) => {
      await made(one, id)
      deepEqual(await other.readAfter(id, 0, everything), empty('e1'))
      const expected: unknown[] = []
      const offsets: number[] = []
      for (const entry of shapes()) {
        const offset = await one.append(id, 'e1', entry)
        ok(offset !== null && offset > (offsets.at(-1) ?? 0), 'offsets rise')
        offsets.push(offset)
        expected.push(plain({ offset, ...entry }))
      }
      deepEqual(plain(await entriesOf(other, id)), expected)
      deepEqual(plain(await entriesOf(one, id, offsets[2])), expected.slice(3))
      equal((await one.readAfter(id, 0, everything))?.tail, offsets.at(-1))
      deepEqual((await other.readAfter(id, offsets.at(-1) ?? 0, everything))?.messages, [])
      deepEqual((await other.readAfter(id, Number.MAX_SAFE_INTEGER, everything))?.messages, [])
    },
  ],
  [
    'keeps entries that are appended at once in the order of the calls',
    async ({ one, other, id }) => {
      await made(one, id)
      const texts = Array.from({ length: 30 }, (_, n) => `message ${n}`)
      const offsets = await Promise.all(texts.map((data) => one.append(id, 'e1', { kind: 'm', data })))
      deepEqual(
        await entriesOf(other, id),
        texts.map((data, index) => ({ offset: offsets[index], kind: 'm', data })),
      )
    },
  ],
  [
    'reads no more than it may, but at least one entry',
    async ({ one, other, id }) => {
      await made(one, id)
      for (let times = 0; times < 4; times += 1) await one.append(id, 'e1', { kind: 'm', data: 'x'.repeat(10) })
      const entries = await entriesOf(one, id)
      for (const maxMessages of [1, 2, 9]) {
        for (const maxBytes of [1, 29, 30, 100]) {
          const limits = { maxMessages, maxBytes }
          const reading = await other.readAfter(id, 0, limits)
          ok(reading)
          checkReading(reading, 0, limits)
          ok(reading.messages.length > 0, 'one entry is returned, however large it is')
          equal(reading.tail, entries.at(-1)?.offset)
          deepEqual(await entriesOf(other, id, 0, limits), entries)
        }
      }
    },
  ],
  [
    'keeps bytes of its own, whatever happens to those that were appended',
    async ({ one, id }) => {
      await made(one, id)
      const data = Buffer.from([1, 2, 3])
      const appended = one.append(id, 'e1', { kind: 'm', data })
      data.fill(0)
      const offset = await appended
      deepEqual(plain(await entriesOf(one, id)), plain([{ offset, kind: 'm', data: Uint8Array.of(1, 2, 3) }]))
    },
  ],
  [
    'accepts nothing for a session that has ended, and keeps what it has',
    async ({ one, other, id }) => {
      const first = await made(one, id)
      const offset = await one.append(id, 'e1', { kind: 'm', data: 'last' })
      await replaced(one, id, first, { ended: ending })
      equal(await other.append(id, 'e1', { kind: 'm', data: 'late' }), null)
      deepEqual(await entriesOf(other, id), [{ offset, kind: 'm', data: 'last' }])
    },
  ],
  [
    'accepts nothing for another epoch of the session, and begins each epoch empty',
    async ({ one, other, id }) => {
      const first = await made(one, id)
      equal(await one.append(id, 'e2', { kind: 'm', data: 'x' }), null)
      await one.append(id, 'e1', { kind: 'm', data: 'old' })
      const second = await replaced(one, id, first, { epoch: 'e2' })
      equal(await other.append(id, 'e1', { kind: 'm', data: 'late' }), null)
      deepEqual(await other.readAfter(id, 0, everything), empty('e2'))
      deepEqual(await one.renew([id], later(one)), [{ version: second.version, tail: 0 }])
      const offset = await one.append(id, 'e2', { kind: 'm', data: 'new' })
      deepEqual(await entriesOf(other, id), [{ offset, kind: 'm', data: 'new' }])
    },
  ],
  [
    'discards entries up to an offset, and reports them as lost',
    async ({ one, other, id }) => {
      const { version } = await made(one, id)
      const offsets: number[] = []
      for (const data of ['a', 'b', 'c']) offsets.push((await one.append(id, 'e1', { kind: 'm', data })) ?? 0)
      const [first = 0, , third = 0] = offsets
      await other.trim(id, 0)
      equal((await entriesOf(one, id)).length, 3)
      await other.trim(id, first)
      await other.trim(id, first)
      const part = await one.readAfter(id, 0, everything)
      deepEqual([part?.lostThrough, part?.tail, part?.messages.map(({ offset }) => offset)], [first, third, offsets.slice(1)])
      await other.trim(id, third + 100)
      deepEqual(await one.readAfter(id, 0, everything), { epoch: 'e1', messages: [], lostThrough: third, tail: third })
      const next = await one.append(id, 'e1', { kind: 'm', data: 'd' })
      ok(next !== null && next > third)
      deepEqual(await entriesOf(other, id), [{ offset: next, kind: 'm', data: 'd' }])
      equal((await one.read(id))?.version, version, 'the record stays')
    },
  ],
  [
    'discards the private stream with the session',
    async ({ one, other, id }) => {
      const { version } = await made(one, id)
      await one.append(id, 'e1', { kind: 'm', data: 'x' })
      equal(await one.remove(id, version), true)
      equal(await other.readAfter(id, 0, everything), null)
      equal(await other.append(id, 'e1', { kind: 'm', data: 'x' }), null)
      await made(one, id)
      deepEqual(await entriesOf(other, id), [])
    },
  ],
  [
    'keeps no more entries than its bound says, and reports the others as lost',
    async ({ store, one, other, id }) => {
      const most = store.bounds?.maxMessages
      if (most === undefined) return
      await made(one, id, recordOf())
      const append = (_: unknown, n: number) => one.append(id, 'e1', { kind: 'm', data: `${n}` })
      const offsets = await Promise.all(Array.from({ length: most + 20 }, append))
      const held = await entriesOf(other, id, 0, { maxMessages: most + 20, maxBytes: 10_000_000 })
      ok(held.length <= most && held.length > 0, `at most ${most} entries are kept, not ${held.length}`)
      deepEqual(
        held.map(({ offset }) => offset),
        offsets.slice(-held.length),
      )
      equal((await other.readAfter(id, 0, everything))?.lostThrough, offsets.at(-held.length - 1))
    },
  ],
  [
    'refuses an entry that is larger than it takes, and loses nothing by it',
    async ({ store, one, id }) => {
      const most = store.bounds?.maxMessageBytes
      if (most === undefined) return
      await made(one, id)
      const offset = await one.append(id, 'e1', { kind: 'm', data: 'before' })
      const append = async (data: string | Uint8Array) => one.append(id, 'e1', { kind: 'm', data })
      await rejects(append('x'.repeat(most + 1)), { name: 'RangeError' })
      await rejects(append(new Uint8Array(most + 1)), { name: 'RangeError' })
      deepEqual(await entriesOf(one, id), [{ offset, kind: 'm', data: 'before' }])
    },
  ],
]
