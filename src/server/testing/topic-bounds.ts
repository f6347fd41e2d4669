import { deepEqual, equal, ok } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { pass } from './contract-case.ts'
import { bytesOf } from './payload-samples.ts'
import { everything } from './readings.ts'
import { endOf, readTopic, type TopicCheck, textsOf } from './topic-trial.ts'

export const topicBounds: readonly TopicCheck[] = [
  [
    'keeps no more messages than it says, the last of them, and reports the others as lost',
    async ({ store, one, other, topic }) => {
      const most = store.bounds?.maxMessages
      if (most === undefined) return
      const { offset: start } = await endOf(one, topic)
      const texts = textsOf(most + 20)
      const offsets = await Promise.all(texts.map((text) => one.append(topic, text)))
      const limits = { maxMessages: texts.length, maxBytes: 10_000_000 }
      const held = await readTopic(other, topic, start, limits)
      ok(held.length <= most && held.length > 0, `of ${texts.length} messages at most ${most} are kept, not ${held.length}`)
      const stored = texts.map((data, index) => ({ offset: offsets[index] ?? 0, data }))
      deepEqual(held, stored.slice(-held.length))
      const { lostThrough } = await other.readAfter(topic, start, everything)
      equal(lostThrough, stored.at(-held.length - 1)?.offset)
    },
  ],
  [
    'reports what it discards to those that read at the same time',
    async ({ store, one, other, topic }) => {
      const most = store.bounds?.maxMessages
      if (most === undefined) return
      let { offset: position } = await endOf(one, topic)
      const texts = textsOf(4 * most)
      let isOver = false
      const appendAll = async () => {
        for (let from = 0; from < texts.length; from += 20) {
          await Promise.all(texts.slice(from, from + 20).map((text) => one.append(topic, text)))
          await sleep(1)
        }
      }
      const appended = appendAll().finally(() => {
        isOver = true
      })
      appended.catch(() => {})
      let reads = 0
      for (let [expected, isGap, isEnd] = [0, false, false]; !isEnd; await sleep(0)) {
        const isLast = isOver
        const { messages, lostThrough } = await other.readAfter(topic, position, { maxMessages: 10, maxBytes: 1_000_000 })
        isGap ||= lostThrough > position
        for (const { offset, data } of messages) {
          const found = texts.indexOf(String(data))
          ok(found === expected || isGap, `'${data}' follows offset ${position}, without the messages between and without a gap`)
          ;[position, expected, isGap] = [offset, found + 1, false]
        }
        isEnd = isLast && messages.length === 0
        if (messages.length > 0) reads += 1
        ok(reads <= texts.length, 'a reader reaches the end')
      }
      await appended
    },
  ],
  [
    'keeps no more bytes than it says, and always the last message',
    async ({ store, one, other, topic }) => {
      const most = store.bounds?.maxBytes
      if (most === undefined) return
      const { offset: start } = await endOf(one, topic)
      const size = Math.min(store.bounds?.maxMessageBytes ?? 50_000, 50_000)
      const offsets: number[] = []
      for (let total = 0; total <= most + 2 * size; total += size) offsets.push(await one.append(topic, 'x'.repeat(size)))
      const held = await readTopic(other, topic, start)
      const bytes = held.reduce((total, { data }) => total + bytesOf(data), 0)
      ok(bytes <= most, `at most ${most} bytes are kept, not ${bytes}`)
      deepEqual(
        held.map(({ offset }) => offset),
        offsets.slice(-held.length),
      )
      const { lostThrough } = await other.readAfter(topic, start, everything)
      equal(lostThrough, offsets.at(-held.length - 1))
    },
  ],
  [
    'discards a message that has reached the age it says, and reports it as lost',
    async ({ store, until, one, other, topic }) => {
      const ageMs = store.bounds?.maxAgeMs
      if (ageMs === undefined) return
      const { offset: start } = await endOf(one, topic)
      const old = await one.append(topic, 'old')
      deepEqual(await readTopic(other, topic, start), [{ offset: old, data: 'old' }])
      await pass(store, ageMs)
      let newest = old
      await until('a message of the greatest age was not discarded', async () => {
        await pass(store, 100)
        newest = await one.append(topic, 'new')
        return (await other.readAfter(topic, start, everything)).lostThrough >= old
      })
      equal((await readTopic(other, topic, start)).at(-1)?.offset, newest)
    },
  ],
]
