import * as kafka from '@platformatic/kafka'
import { afterEach, describe, expect, it } from 'vitest'
import { kafkaTopics, partitionOfTopic, platformaticKafka } from '../../src/kafka/index.ts'
import type { TopicNews } from '../../src/server/store/ports.ts'
import { useKafka } from '../support/kafka-broker.ts'
import { all, endOf, follow, KafkaNodes, readAll, until } from '../support/kafka-nodes.ts'

/** The behaviour of `kafkaTopics()` beyond the contract of a `TopicLog`, against a real broker. */
const nodes = new KafkaNodes()
afterEach(() => nodes.closeAll())

const numbers = (count: number, word = 'm') => Array.from({ length: count }, (_, index) => `${word}${index + 1}`)

describe('kafkaTopics', () => {
  useKafka((broker) => {
    nodes.broker = broker
  })

  describe('memory', () => {
    it('reads messages that are no longer in memory from the log, within maxMessages and maxBytes', async () => {
      const topic = await nodes.newTopic()
      const [writer, small] = [nodes.open(topic), nodes.open(topic, { maxBytes: 5000 })]
      await small.readAfter('a', 0, all)
      const texts = numbers(300)
      await Promise.all(texts.flatMap((text) => [writer.append('a', text), writer.append('b', 'x'.repeat(100))]))
      expect((await readAll(small, 'a')).texts).toEqual(texts)
      expect((await readAll(small, 'b')).texts).toHaveLength(300)
      const bytes = await readAll(small, 'a', 0, { maxMessages: 1000, maxBytes: 100 })
      expect([bytes.texts, bytes.reads > 10]).toEqual([texts, true])
      const few = await readAll(small, 'a', 0, { maxMessages: 7, maxBytes: 1_000_000 })
      expect([few.texts, few.reads]).toEqual([texts, Math.ceil(300 / 7)])
      expect(few.gaps).toEqual([])
    })

    it('a node that starts later reads every message, and finds the end of the topic', async () => {
      const topic = await nodes.newTopic()
      const writer = nodes.open(topic)
      await Promise.all(numbers(50).flatMap((text) => [writer.append('a', text), writer.append('b', text)]))
      const last = await endOf(writer, 'a')
      await Promise.all(numbers(50).map((text) => writer.append('b', text)))
      for (const warmUpMessages of [0, 10, 10_000]) {
        const late = nodes.open(topic, { warmUpMessages })
        expect((await readAll(late, 'a')).texts).toEqual(numbers(50))
        const { epoch, offset } = await endOf(late, 'a')
        // Before its first read the node knows only that the topic has nothing after the offset where the node started.
        expect([epoch, offset >= last.offset]).toEqual([last.epoch, true])
        expect(await late.readAfter('a', last.offset, all)).toEqual({ epoch, messages: [], lostThrough: 0, tail: last.offset })
        expect(await endOf(late, 'a')).toEqual(last)
        expect((await readAll(late, 'a', 0)).gaps).toEqual([])
      }
    })

    it('a reader gets one gap when a read would have to scan more than scanBytes', async () => {
      const topic = await nodes.newTopic()
      const [writer, small] = [nodes.open(topic), nodes.open(topic, { maxBytes: 5000, scanBytes: 100_000 })]
      await small.readAfter('a', 0, all)
      await writer.append('a', 'far away')
      const { offset } = await endOf(writer, 'a')
      for (let times = 0; times < 30; times += 1) await writer.append('b', 'x'.repeat(100_000))
      await Promise.all(numbers(3).map((text) => writer.append('a', text)))
      expect((await readAll(small, 'a', 0)).texts.slice(0, 1)).toEqual(['far away'])
      const { gaps, texts } = await readAll(small, 'a', offset)
      expect([gaps.length, texts]).toEqual([1, numbers(3)])
      expect((await readAll(writer, 'a', offset)).gaps).toEqual([])
    })

    it('announces messages with their data, so that followers need no read', async () => {
      const topic = await nodes.newTopic(2)
      const [writer, other] = [nodes.open(topic), nodes.open(topic)]
      const followers = await Promise.all(['a', 'b', 'c'].map((name) => follow(other, name)))
      const texts = numbers(200)
      await Promise.all(texts.flatMap((text) => ['a', 'b', 'c'].map((name) => writer.append(name, text))))
      for (const follower of followers) {
        await until(() => follower.texts.length === 200, 'not all were announced')
        expect([follower.texts, follower.reads, follower.nulls]).toEqual([texts, 0, 0])
        follower.stop()
      }
    })
  })

  describe('options of append()', () => {
    it('key: of concurrent appends with the same key only one is stored, and all return its offset', async () => {
      const topic = await nodes.newTopic()
      const [one, other] = [nodes.open(topic), nodes.open(topic)]
      await Promise.all([endOf(one, 'a'), endOf(other, 'a')])
      for (const key of numbers(10, 'key ')) {
        const offsets = await Promise.all([one, other, one, other].map((log) => log.append('a', key, { key })))
        expect(new Set(offsets).size).toBe(1)
        expect(await other.append('a', 'again', { key })).toBe(offsets[0])
      }
      await one.append('b', 'of another topic', { key: 'key 1' })
      const late = nodes.open(topic)
      for (const log of [one, other, late]) {
        expect((await readAll(log, 'a')).texts).toEqual(numbers(10, 'key '))
        expect((await readAll(log, 'b')).texts).toHaveLength(1)
      }
      expect(await late.append('a', 'again', { key: 'key 10' })).toBe((await endOf(late, 'a')).offset)
    })

    it('maxMessages: a read returns only the last messages appended, after a gap', async () => {
      const topic = await nodes.newTopic()
      const [one, other] = [nodes.open(topic), nodes.open(topic)]
      for (const text of numbers(5)) await one.append('a', text, { maxMessages: 3 })
      for (const log of [one, other]) {
        const { texts, gaps } = await readAll(log, 'a')
        expect([texts, gaps]).toEqual([['m3', 'm4', 'm5'], [2]])
        expect((await readAll(log, 'a', 2)).gaps).toEqual([])
        expect((await endOf(log, 'a', Infinity)).offset).toBe(2)
      }
    })

    it('maxAgeMs: older messages are read neither from memory nor from the log', async () => {
      const topic = await nodes.newTopic()
      const [one, small] = [nodes.open(topic), nodes.open(topic, { maxBytes: 500 })]
      await endOf(small, 'a')
      for (const text of numbers(3)) await one.append('a', text, { maxAgeMs: 400 })
      await new Promise((resolve) => setTimeout(resolve, 500))
      const fresh = await one.append('a', 'fresh', { maxAgeMs: 400 })
      await one.append('b', 'x'.repeat(1000))
      for (const log of [one, small]) {
        const { texts, gaps } = await readAll(log, 'a')
        expect([texts, gaps]).toEqual([['fresh'], [fresh - 1]])
      }
    })

    it('a message too large for the broker is rejected, and those appended with it are stored', async () => {
      const topic = await nodes.newTopic()
      const log = nodes.open(topic)
      const appended = ['small', 'x'.repeat(2_000_000), 'small too'].map((text) => log.append('a', text))
      const results = await Promise.allSettled(appended)
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      await expect(appended[1]).rejects.toThrow(RangeError)
      expect((await readAll(log, 'a')).texts).toEqual(['small', 'small too'])
    })
  })

  it('reads records of other producers, with the key as the topic and the value as text', async () => {
    const topic = await nodes.newTopic(5)
    const log = nodes.open(topic)
    const names = ['a', 'é€😀', 'user:1234567', 'x'.repeat(99)]
    const followers = await Promise.all(names.map((name) => follow(log, name)))
    const producer = new kafka.Producer({ clientId: 'foreign', bootstrapBrokers: [nodes.address] })
    const messages = names.map((name) => ({
      topic,
      partition: partitionOfTopic(name, 5),
      key: Buffer.from(name),
      value: Buffer.from(`to ${name}`),
    }))
    await producer.send({ messages, acks: -1 })
    await producer.close()
    for (const [index, name] of names.entries()) {
      await until(() => followers[index]?.texts.length === 1, `nothing was announced of ${name}`)
      expect((await readAll(log, name)).texts).toEqual([`to ${name}`])
    }
  })

  it('deleted records are a gap for readers that had not read them', async () => {
    const topic = await nodes.newTopic()
    const [one, other] = [nodes.open(topic), nodes.open(topic)]
    const quiet = await one.append('quiet', 'x')
    const offsets = await Promise.all(numbers(10).map((text) => one.append('a', text)))
    await readAll(other, 'a')
    await nodes.broker?.deleteRecords(topic, 0, 6)
    const next = await one.append('a', 'next')
    const late = nodes.open(topic)
    for (const log of [one, other, late]) {
      const { texts, gaps } = await readAll(log, 'a')
      expect([texts, gaps]).toEqual([[...numbers(10).slice(5), 'next'], [6]])
      expect((await readAll(log, 'a', offsets[4])).gaps).toEqual([])
      const { offset } = await endOf(log, 'a', Infinity)
      expect((await log.readAfter('a', offset, all)).messages).toHaveLength(6)
      expect((await endOf(log, 'a')).offset).toBe(next)
    }
    // A reader at the end of the quiet topic gets no gap.
    expect((await readAll(one, 'quiet', quiet)).gaps).toEqual([])
    const { offset } = await endOf(late, 'quiet')
    expect((await readAll(late, 'quiet', offset)).gaps).toEqual([])
  })

  it('a missing Kafka topic is reported once, and used as soon as it exists', async () => {
    const log = nodes.open('topic-later', { timeoutMs: 1200 })
    const heard: (TopicNews | null)[] = []
    const watch = log.watch('a', (news) => heard.push(news))
    await expect(log.append('a', 'x')).rejects.toThrow('Kafka did not answer within 1200 ms.')
    await expect(watch.ready).rejects.toThrow('Kafka did not answer within 1200 ms.')
    await until(() => nodes.reported.length > 0, 'it was not reported')
    expect(String(nodes.reported[0])).toContain("the Kafka topic 'topic-later' cannot be read for now")
    await nodes.broker?.createTopic('topic-later')
    await until(() => heard.includes(null), 'the watch was not said to be in force')
    await log.append('a', 'x')
    await until(() => heard.some((news) => news?.data === 'x'), 'nothing was announced')
    expect(nodes.reported).toHaveLength(1)
  })

  it('close() leaves no socket or timer, and rejects pending and later calls', async () => {
    const count = () => process.getActiveResourcesInfo().filter((what) => /TCP|Timeout/.test(what)).length
    const topic = await nodes.newTopic()
    const before = count()
    const log = nodes.open(topic)
    await log.append('a', 'x')
    const late = nodes.open('topic-none')
    const pending = late.append('a', 'x')
    const [rejected] = await Promise.all([Promise.allSettled([pending]), log.close(), late.close()])
    expect(rejected[0]).toMatchObject({ status: 'rejected', reason: { message: 'kafkaTopics was closed.' } })
    await until(() => count() <= before, 'sockets or timers were left')
    await expect(log.append('a', 'x')).rejects.toThrow('kafkaTopics was closed.')
    await expect(log.readAfter('a', 0, all)).rejects.toThrow('kafkaTopics was closed.')
    await log.close()
  })
})

describe('invalid options', () => {
  const client = platformaticKafka(kafka, { clientId: 'test', bootstrapBrokers: ['127.0.0.1:1'] })
  const good = { client, topic: 'a' }

  it.each([
    [null, 'kafkaTopics: the argument must be an object of options; it was null.'],
    [{ topic: 'a' }, 'kafkaTopics: client must be a KafkaClient, such as platformaticKafka('],
    [{ ...good, client: { ...client } }, '; describe() is missing; it was an object.'],
    [
      { client },
      'kafkaTopics: topic must be the name of a Kafka topic: 1 to 249 letters, digits, dots, - and _; it was undefined.',
    ],
    [{ ...good, topic: 'a/b' }, "it was 'a/b'."],
    [{ ...good, topics: 'a' }, "kafkaTopics: unknown option 'topics'; did you mean 'topic'?"],
    [{ ...good, timeoutMs: 0 }, 'kafkaTopics: timeoutMs must be a number of milliseconds from 1 to 2,147,483,647; it was 0.'],
    [{ ...good, timeoutMs: Infinity }, 'nothing would ever be given up; it was Infinity.'],
    [{ ...good, keyWindowMs: 1000 }, 'kafkaTopics: keyWindowMs must be 120,000 or more; it was 1000.'],
    [{ ...good, maxBytes: 1.5 }, 'kafkaTopics: maxBytes must be an integer from 1 up; it was 1.5.'],
    [{ ...good, onError: 'log' }, "kafkaTopics: onError must be a function; it was 'log'."],
  ])('make kafkaTopics() throw a TypeError: %j', (options, message) => {
    const make = () => kafkaTopics(options as never)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })

  it.each([
    [
      null,
      {},
      "platformaticKafka: the first argument must be the module, as import * as kafka from '@platformatic/kafka' has it",
    ],
    [kafka, { bootstrapBrokers: ['a:1'] }, 'platformaticKafka: clientId must be a string without spaces; it was undefined.'],
    [kafka, { clientId: 'a', bootstrapBrokers: 'a:1' }, 'bootstrapBrokers must be a list of at least one string; it was'],
    [kafka, undefined, 'platformaticKafka: the argument must be an object of options; it was undefined.'],
  ])('make platformaticKafka() throw a TypeError: case %#', (module, options, message) => {
    const make = () => platformaticKafka(module as never, options as never)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})
