import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Payload, Position, Stored, TopicLog, TopicNews } from '../store/ports.ts'
import { plain } from './payload-samples.ts'
import { endOf, fill, hasHeard, listen, readTopic, type TopicCheck, textsOf } from './topic-trial.ts'

export const topicWatching: readonly TopicCheck[] = [
  [
    'announces an append to every node that watches, and of that topic only',
    async ({ until, one, other, topic }) => {
      const [here, there, stranger] = await Promise.all([listen(one, topic), listen(other, topic), listen(other, `${topic}'`)])
      const offset = await one.append(topic, 'x')
      await until('an append was not announced', () => hasHeard(here, offset) && hasHeard(there, offset))
      const next = await other.append(topic, 'x')
      await until('an append was not announced', () => hasHeard(here, next) && hasHeard(there, next))
      deepEqual(
        stranger.news.filter((news) => news !== null),
        [],
      )
      for (const { stop } of [here, there, stranger]) stop()
    },
  ],
  [
    'announces all that follows once a watch is in force',
    async ({ until, one, other, topic }) => {
      for (let times = 0; times < 10; times += 1) {
        const name = `${topic} ${times}`
        const heard = await listen(other, name)
        const offset = await one.append(name, 'at once')
        await until('what was appended as soon as `ready` had resolved was not announced', () => hasHeard(heard, offset))
        heard.stop()
      }
    },
  ],
  [
    'calls a listener behind the append, when the message can be read',
    async ({ until, one, other, topic }) => {
      const { offset: start } = await endOf(other, topic)
      const reads: Promise<Stored[]>[] = []
      let isWithin = false
      let wasWithin = false
      const watch = one.watch(topic, () => {
        wasWithin ||= isWithin
        reads.push(readTopic(other, topic, start))
      })
      await watch.ready
      isWithin = true
      const appended = one.append(topic, 'x')
      isWithin = false
      equal(wasWithin, false, 'no listener is called within the call that appends')
      const offset = await appended
      await until('an append was not announced', () => reads.length > 0)
      watch.stop()
      equal((await reads.at(-1))?.at(-1)?.offset, offset, 'the message can be read when it is announced')
    },
  ],
  [
    'goes on when a listener throws, and does not call one that has stopped',
    async ({ until, one, topic }) => {
      const throwing = one.watch(topic, () => {
        throw new Error('of this listener alone')
      })
      const [heard, stopped] = await Promise.all([listen(one, topic), listen(one, topic)])
      await throwing.ready
      stopped.stop()
      stopped.stop()
      for (const text of textsOf(2)) {
        const offset = await one.append(topic, text)
        await until('an append was not announced', () => hasHeard(heard, offset))
      }
      deepEqual(stopped.news, [])
      throwing.stop()
      heard.stop()
      heard.stop()
    },
  ],
  [
    'may be stopped before it is in force, and watched anew',
    async ({ until, one, other, topic }) => {
      const heard: unknown[] = []
      const early = other.watch(topic, (news) => heard.push(news))
      early.stop()
      const again = await listen(other, topic)
      const offset = await one.append(topic, 'x')
      await until('an append was not announced to the second listener', () => hasHeard(again, offset))
      again.stop()
      const last = await listen(other, topic)
      const next = await one.append(topic, 'y')
      await until('an append was not announced to the third listener', () => hasHeard(last, next))
      last.stop()
      deepEqual(heard, [])
      ok(!again.news.some((news) => news !== null && news.offset === next), 'a listener that has stopped is not called')
    },
  ],
  [
    'announces messages as they are, so that a reader at `after` misses nothing and reads nothing twice',
    async ({ until, one, other, topic }) => {
      const reader = await follow(other, topic)
      const stored = await fill(one, topic, [
        'a',
        'é€😀',
        '',
        Uint8Array.of(0, 255, 10),
        'x'.repeat(5000),
        new Uint8Array(20_000),
      ])
      const texts = textsOf(60)
      const offsets = await Promise.all(texts.map((text, index) => (index % 3 ? one : other).append(topic, text)))
      stored.push(...texts.map((data, index) => ({ offset: offsets[index] ?? 0, data })))
      stored.sort((a, b) => a.offset - b.offset)
      await until('not all messages were announced', () => reader.position() === stored.at(-1)?.offset)
      await reader.stop()
      deepEqual(plain(reader.read), plain(stored))
    },
  ],
  [
    'announces nothing that was not appended',
    async ({ until, one, other, topic }) => {
      const { epoch, offset: start } = await endOf(one, topic)
      const heard = await listen(other, topic)
      const stored = await fill(one, topic, ['a', Uint8Array.of(1, 2), 'c'])
      const last = stored.at(-1)?.offset ?? 0
      await until('an append was not announced', () => hasHeard(heard, last))
      heard.stop()
      for (const news of heard.news) if (news) checkNews(news, { epoch, offset: start }, stored)
    },
  ],
]

/** Checks an announcement against the messages appended after a position. */
function checkNews(news: TopicNews, start: Position, stored: readonly Stored[]): void {
  const index = stored.findIndex(({ offset }) => offset === news.offset)
  const message = stored[index]
  ok(message, `the offset ${news.offset} that was announced is that of a message`)
  equal(news.epoch, start.epoch)
  ok(news.after < news.offset, 'what is announced is behind `after`')
  ok(news.after >= (stored[index - 1]?.offset ?? 0), 'no message is between `after` and the one that is announced')
  if (news.data !== undefined) deepEqual(plain(news.data), plain(message.data))
}

/** Reads a topic as a node does: takes an announcement if it is the next message, otherwise reads the log. */
async function follow(log: TopicLog, topic: string) {
  const read: { readonly offset: number; readonly data: Payload }[] = []
  let { epoch, offset: position } = await endOf(log, topic)
  let failure: unknown
  let turn = Promise.resolve()
  const take = async (news: TopicNews | null) => {
    if (news && news.epoch === epoch && news.offset <= position) return
    if (news && news.epoch === epoch && news.after === position && news.data !== undefined) {
      read.push({ offset: news.offset, data: news.data })
      position = news.offset
      return
    }
    epoch = (await endOf(log, topic)).epoch
    read.push(...(await readTopic(log, topic, position)))
    position = read.at(-1)?.offset ?? position
  }
  const watch = log.watch(topic, (news) => {
    turn = turn
      .then(() => take(news))
      .catch((error: unknown) => {
        failure ??= error
      })
  })
  await watch.ready
  return {
    read,
    position() {
      if (failure !== undefined) throw failure
      return position
    },
    stop() {
      watch.stop()
      return turn
    },
  }
}
