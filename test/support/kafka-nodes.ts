import * as kafka from '@platformatic/kafka'
import { type KafkaTopics, type KafkaTopicsOptions, kafkaTopics, platformaticKafka } from '../../src/kafka/index.ts'
import type { Position, Stored, TopicLog, TopicNews } from '../../src/server/store/ports.ts'
import type { KafkaBroker } from './kafka-broker.ts'

export type NodeOptions = Partial<Omit<KafkaTopicsOptions, 'client' | 'topic'>>

/** The logs of a test's nodes, each with a client of its own. */
export class KafkaNodes {
  readonly #opened: KafkaTopics[] = []
  readonly #reported: unknown[] = []
  #topics = 0
  broker: KafkaBroker | null = null

  /** The errors that the nodes have reported. */
  get reported(): readonly unknown[] {
    return this.#reported
  }

  get address(): string {
    return this.broker?.address ?? ''
  }

  async newTopic(partitions = 1): Promise<string> {
    this.#topics += 1
    const topic = `topic-${this.#topics}`
    await this.broker?.createTopic(topic, partitions)
    return topic
  }

  open(topic: string, options: NodeOptions = {}): KafkaTopics {
    const { timeoutMs = 3000 } = options
    const client = platformaticKafka(kafka, { clientId: 'test', bootstrapBrokers: [this.address], timeoutMs })
    const log = kafkaTopics({ client, topic, onError: (error) => this.#reported.push(error), ...options })
    this.#opened.push(log)
    return log
  }

  async closeAll(): Promise<void> {
    this.#reported.length = 0
    await Promise.all(this.#opened.splice(0).map((log) => log.close()))
  }
}

export const all = { maxMessages: 1000, maxBytes: 10_000_000 }

/** Reads a topic to its end, in as many reads as needed; returns its messages and the gaps between them. */
export async function readAll(log: TopicLog, topic: string, after = 0, limits = all) {
  const messages: Stored[] = []
  const gaps: number[] = []
  let [position, reads] = [after, 0]
  for (;;) {
    const reading = await log.readAfter(topic, position, limits)
    reads += 1
    if (reading.lostThrough > position) gaps.push(reading.lostThrough)
    messages.push(...reading.messages)
    const end = messages.at(-1)?.offset ?? position
    if (reading.messages.length === 0 || end === reading.tail)
      return { messages, texts: messages.map(({ data }) => data), gaps, reads, tail: reading.tail }
    position = end
  }
}

export async function endOf(log: TopicLog, topic: string, last?: number): Promise<Position> {
  const [position] = await log.tails([topic], last)
  if (!position) throw new Error('There is no position.')
  return position
}

/** Follows a topic as a node does: takes an announced message if it is the next one, and reads the log otherwise. */
export async function follow(log: TopicLog, topic: string) {
  const messages: Stored[] = []
  const gaps: number[] = []
  let nulls = 0
  let reads = 0
  let { epoch, offset } = await endOf(log, topic)
  let turn: Promise<unknown> = Promise.resolve()
  async function take(news: TopicNews | null): Promise<void> {
    if (news === null) nulls += 1
    if (news?.epoch === epoch && news.offset <= offset) return
    if (news?.epoch === epoch && news.after === offset && news.data !== undefined) {
      messages.push({ offset: news.offset, data: news.data })
      offset = news.offset
      return
    }
    for (;;) {
      const reading = await log.readAfter(topic, offset, all)
      reads += 1
      if (reading.epoch !== epoch) {
        gaps.push(0)
        ;[epoch, offset] = [reading.epoch, 0]
        continue
      }
      if (reading.lostThrough > offset) gaps.push(reading.lostThrough)
      messages.push(...reading.messages)
      offset = reading.messages.at(-1)?.offset ?? Math.max(offset, reading.lostThrough)
      if (reading.messages.length === 0 || offset === reading.tail) return
    }
  }
  const watch = log.watch(topic, (news) => {
    turn = turn.then(() => take(news)).catch(() => turn.then(() => take(null)))
  })
  await watch.ready
  return {
    gaps,
    get texts() {
      return messages.map(({ data }) => data)
    },
    get nulls() {
      return nulls
    },
    get reads() {
      return reads
    },
    stop: () => watch.stop(),
  }
}

export async function until(isSo: () => boolean, what: string, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`Within ${withinMs / 1000} s ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
