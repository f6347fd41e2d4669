import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { pass } from './contract-case.ts'
import { plain } from './payload-samples.ts'
import { everything } from './readings.ts'
import { endOf, fill, readTopic, type TopicCheck, type TopicTrial, textsOf } from './topic-trial.ts'

/** A check of an option of `append()`, if the log supports it. */
function withOption(option: 'key' | 'maxMessages' | 'maxAgeMs', [name, check]: TopicCheck): TopicCheck {
  return [`${option}: ${name}`, async (trial) => (trial.store.unsupported?.includes(option) ? undefined : check(trial))]
}

export const topicAppending: readonly TopicCheck[] = [
  [
    'keeps messages that are appended at once in the order of the calls',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const texts = textsOf(50)
      const offsets = await Promise.all(texts.map((text) => one.append(topic, text)))
      deepEqual(
        await readTopic(other, topic, start),
        texts.map((data, index) => ({ offset: offsets[index], data })),
      )
    },
  ],
  [
    'gives every message an offset of its own when two nodes append at once',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const texts = textsOf(50)
      const offsets = await Promise.all(texts.map((text, index) => (index % 2 ? one : other).append(topic, text)))
      equal(new Set(offsets).size, 50)
      const stored = texts.map((data, index) => ({ offset: offsets[index] ?? 0, data }))
      deepEqual(
        await readTopic(one, topic, start),
        stored.sort((a, b) => a.offset - b.offset),
      )
    },
  ],
  [
    'keeps bytes of its own, whatever happens to those that were appended',
    async ({ one, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const given = Buffer.from([1, 2, 3])
      const appended = one.append(topic, given)
      given.fill(0)
      const offset = await appended
      deepEqual(plain(await readTopic(one, topic, start)), plain([{ offset, data: Uint8Array.of(1, 2, 3) }]))
      const { messages } = await one.readAfter(topic, start, everything)
      Reflect.set(messages, 'length', 0)
      equal((await readTopic(one, topic, start)).length, 1)
    },
  ],
  [
    'refuses a message that is larger than it takes, and loses nothing by it',
    async ({ store, one, topic }) => {
      const most = store.bounds?.maxMessageBytes
      if (most === undefined) return
      const { offset: start } = await endOf(one, topic)
      const kept = await fill(one, topic, ['before'])
      await rejects(one.append(topic, 'x'.repeat(most + 1)), { name: 'RangeError' })
      await rejects(one.append(topic, new Uint8Array(most + 1)), { name: 'RangeError' })
      deepEqual(await readTopic(one, topic, start), kept)
      const offset = await one.append(topic, 'x'.repeat(most))
      equal((await readTopic(one, topic, start)).at(-1)?.offset, offset, 'the largest message is taken')
    },
  ],
  withOption('key', [
    'appends a message once, however often and on whichever node it is appended',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const first = await one.append(topic, 'first', { key: 'k1' })
      const second = await one.append(topic, 'second')
      equal(await other.append(topic, 'first', { key: 'k1' }), first)
      equal(await one.append(topic, 'other data', { key: 'k1' }), first)
      const stored = [
        { offset: first, data: 'first' },
        { offset: second, data: 'second' },
      ]
      deepEqual(await readTopic(other, topic, start), stored)
      ok((await one.append(topic, 'first', { key: undefined })) > second, 'without a key, the same data is another message')
    },
  ]),
  withOption('key', [
    'appends a message once when it is appended many times at once',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const append = (_: unknown, index: number) => (index % 2 ? one : other).append(topic, 'once', { key: 'k' })
      const offsets = await Promise.all(Array.from({ length: 10 }, append))
      deepEqual([...new Set(offsets)], [offsets[0]])
      deepEqual(await readTopic(one, topic, start), [{ offset: offsets[0], data: 'once' }])
    },
  ]),
  withOption('key', [
    'tells keys and topics apart',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const keys = ['a', 'A', 'a ', 'a:b', '__proto__', 'constructor', 'é\n"', 'k'.repeat(200)]
      const offsets = await Promise.all(keys.map((key) => one.append(topic, key, { key })))
      const neighbour = await endOf(one, `${topic}'`)
      const elsewhere = await one.append(`${topic}'`, 'elsewhere', { key: 'a' })
      deepEqual(await readTopic(other, `${topic}'`, neighbour.offset), [{ offset: elsewhere, data: 'elsewhere' }])
      deepEqual(
        (await readTopic(other, topic, start)).map(({ data }) => data),
        keys,
      )
      deepEqual(await Promise.all(keys.map((key) => other.append(topic, key, { key }))), offsets)
      equal((await readTopic(other, topic, start)).length, keys.length)
    },
  ]),
  withOption('maxMessages', [
    'keeps the last messages of the topic, and reports the others as lost',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const stored = await fill(one, topic, textsOf(10), { maxMessages: 3 })
      await keeps(other, topic, start, stored, 3)
      const more = await fill(one, topic, textsOf(2), { maxMessages: 1 })
      await keeps(other, topic, start, [...stored, ...more], 1)
    },
  ]),
  withOption('maxMessages', [
    'lets a topic grow again that keeps more from now on',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const stored = await fill(one, topic, textsOf(4), { maxMessages: 2 })
      const more = await fill(one, topic, textsOf(3), { maxMessages: 4 })
      await keeps(other, topic, start, [...stored, ...more], 4)
    },
  ]),
  withOption('maxAgeMs', [
    'discards a message that has reached its age, and reports it as lost',
    async ({ store, until, one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const old = await one.append(topic, 'old', { maxAgeMs: 100 })
      let newest = old
      // A log may discard expired messages only at the next append, and somewhat later.
      await until('a message older than `maxAgeMs` was not discarded', async () => {
        await pass(store, 100)
        newest = await one.append(topic, 'new', { maxAgeMs: 100 })
        return (await other.readAfter(topic, start, everything)).lostThrough >= old
      })
      ok((await endOf(other, topic)).offset >= newest, 'the end of the topic stays where it was')
      ok((await one.append(topic, 'next')) > newest)
    },
  ]),
  withOption('maxAgeMs', [
    'keeps a message that has not reached its age',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const stored = await fill(one, topic, textsOf(5), { maxAgeMs: 3_600_000 })
      deepEqual(await readTopic(other, topic, start), stored)
    },
  ]),
]

/** Checks that a topic holds only its last messages, and reports the others as lost. */
async function keeps(
  log: TopicTrial['one'],
  topic: string,
  start: number,
  stored: readonly { readonly offset: number }[],
  count: number,
): Promise<void> {
  deepEqual(await readTopic(log, topic, start), stored.slice(-count))
  const { lostThrough } = await log.readAfter(topic, start, everything)
  equal(lostThrough, stored.at(-count - 1)?.offset, 'lostThrough is the offset of the last message that was discarded')
  const { offset } = await endOf(log, topic, Infinity)
  deepEqual(await readTopic(log, topic, offset), stored.slice(-count))
  ok((await log.readAfter(topic, offset, everything)).lostThrough <= offset, 'a reader that begins at the first meets no gap')
}
