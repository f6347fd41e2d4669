import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { oddNames, payloadSamples, plain } from './payload-samples.ts'
import { checkReading, everything } from './readings.ts'
import { endOf, fill, readTopic, type TopicCheck, textsOf } from './topic-trial.ts'

const samples = payloadSamples.map(([what, dataOf]): TopicCheck => {
  return [
    `returns ${what} as it was appended`,
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const data = dataOf()
      const offset = await one.append(topic, data)
      const [stored, ...rest] = await readTopic(other, topic, start)
      equal(rest.length, 0)
      equal(typeof stored?.data === 'string', typeof data === 'string', 'text stays text, and bytes stay bytes')
      deepEqual(plain(stored), plain({ offset, data }))
    },
  ]
})

const names = oddNames.map((name): TopicCheck => {
  return [
    `accepts ${JSON.stringify(name.slice(0, 20))} as the name of a topic`,
    async ({ one, other }) => {
      const before = await endOf(one, name)
      const watch = other.watch(name, () => undefined)
      await watch.ready
      const offset = await one.append(name, 'here')
      deepEqual(await readTopic(other, name, before.offset), [{ offset, data: 'here' }])
      equal((await endOf(other, name)).epoch, before.epoch)
      watch.stop()
    },
  ]
})

export const topicReading: readonly TopicCheck[] = [
  [
    'begins every topic empty, with an epoch that stays',
    async ({ one, other, topic }) => {
      const { epoch, offset } = await endOf(one, topic)
      match(epoch, /^[\w-]{1,32}$/)
      deepEqual(await endOf(other, topic), { epoch, offset })
      const reading = await other.readAfter(topic, offset, everything)
      checkReading(reading, offset, everything)
      deepEqual([reading.epoch, reading.messages], [epoch, []])
      ok(reading.lostThrough <= offset, 'a reader that begins at the end meets no gap')
      await one.append(topic, 'first')
      equal((await other.readAfter(topic, offset, everything)).epoch, epoch)
      equal((await endOf(other, topic)).epoch, epoch)
    },
  ],
  [
    'reads what another node has appended, in order, at rising offsets',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const stored = await fill(one, topic, textsOf(5))
      for (const [index, { offset }] of stored.entries()) ok(offset > (stored[index - 1]?.offset ?? start), 'offsets rise')
      deepEqual(await readTopic(other, topic, start), stored)
      deepEqual(await readTopic(one, topic, start), stored)
      ok((await other.readAfter(topic, start, everything)).lostThrough <= start, 'nothing was lost')
    },
  ],
  [
    'reads on from any position, and nothing from one beyond the end',
    async ({ one, other, topic }) => {
      const stored = await fill(one, topic, textsOf(5))
      for (const [index, { offset }] of stored.entries())
        deepEqual(await readTopic(other, topic, offset), stored.slice(index + 1))
      const last = stored.at(-1)?.offset ?? 0
      for (const beyond of [last + 1, last + 1000, Number.MAX_SAFE_INTEGER])
        deepEqual((await other.readAfter(topic, beyond, everything)).messages, [])
    },
  ],
  [
    'reads no more than it may, but at least one message',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const stored = await fill(one, topic, ['x'.repeat(10), '€€€', new Uint8Array(10), 'x'.repeat(10), 'x'])
      for (const maxMessages of [1, 2, 3, 1000]) {
        for (const maxBytes of [1, 18, 19, 20, 29, 1000]) {
          const limits = { maxMessages, maxBytes }
          const reading = await other.readAfter(topic, start, limits)
          checkReading(reading, start, limits)
          ok(reading.messages.length > 0, 'one message is returned, however large it is')
          deepEqual(plain(reading.messages), plain(stored.slice(0, reading.messages.length)))
          deepEqual(plain(await readTopic(other, topic, start, limits)), plain(stored))
        }
      }
    },
  ],
  [
    'reports the end of the stream with every read',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const [first, second, third] = await fill(one, topic, textsOf(3))
      ok(first && second && third)
      const part = await other.readAfter(topic, start, { maxMessages: 1, maxBytes: 1000 })
      ok(part.tail >= third.offset, 'the tail of a reading is the end of the stream, not that of the reading')
      const whole = await other.readAfter(topic, first.offset, everything)
      equal(whole.messages.at(-1)?.offset, third.offset)
      const end = await endOf(other, topic)
      ok(end.offset >= third.offset && whole.tail <= end.offset, 'tails() and the tail of a reading name the same end')
      ok((await one.append(topic, 'next')) > whole.tail, 'what is appended later is behind the tail of an earlier reading')
    },
  ],
  [
    'names the ends of many topics at once, in the order asked for',
    async ({ one, other, topic }) => {
      deepEqual(await one.tails([]), [])
      const topics = ['a', 'b', 'c'].map((name) => `${topic} ${name}`)
      for (const [index, name] of topics.entries()) await fill(one, name, textsOf(index + 1))
      const ends = await Promise.all(topics.map((name) => endOf(one, name)))
      deepEqual(await other.tails(topics), ends)
      deepEqual(await other.tails([...topics, ...topics].reverse()), [...ends, ...ends].reverse())
    },
  ],
  [
    'names the position before the last messages, or before all of them',
    async ({ one, other, topic }) => {
      const stored = await fill(one, topic, textsOf(5))
      const { epoch } = await endOf(one, topic)
      for (const last of [0, 1, 2, 5, 6, 1000, Infinity]) {
        const [position, empty] = await other.tails([topic, `${topic}, never used`], last)
        ok(position && empty)
        equal(position.epoch, epoch)
        deepEqual(await readTopic(other, topic, position.offset), last === 0 ? [] : stored.slice(-last))
        const { lostThrough } = await other.readAfter(topic, position.offset, everything)
        ok(lostThrough <= position.offset, 'a reader that begins there meets no gap')
        deepEqual(await readTopic(other, `${topic}, never used`, empty.offset), [])
      }
    },
  ],
  [
    'keeps topics apart',
    async ({ one, other, topic }) => {
      const { offset: start } = await endOf(one, topic)
      const neighbours = [`${topic}'`, `${topic}\0`, `${topic} `, ` ${topic}`, topic.slice(0, -1), topic.toUpperCase()]
      const stored = await fill(one, topic, textsOf(2))
      for (const name of neighbours) await one.append(name, 'elsewhere')
      deepEqual(await readTopic(other, topic, start), stored)
    },
  ],
  ...samples,
  ...names,
]
