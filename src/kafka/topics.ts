import type {
  AppendOptions,
  Payload,
  Position,
  Reading,
  ReadLimits,
  Stored,
  TopicLog,
  TopicNews,
  Watch,
} from '../server/store/ports.ts'
import { bytesOf } from '../server/util/payload.ts'
import { Appender } from './appender.ts'
import { Follower } from './follower.ts'
import { TopicListeners } from './listeners.ts'
import { partitionOfTopic } from './murmur2.ts'
import { OlderReads } from './older-reads.ts'
import type { Partition } from './partition.ts'
import { toRecord } from './record.ts'
import { type KafkaTopicsOptions, type TopicsSettings, topicsSettings } from './topics-options.ts'
import { Deadline, Life } from './waiting.ts'

/** The topics of a `RealtimeServer` in Kafka. */
export interface KafkaTopics extends TopicLog {
  /** Stops reading and closes the client; pending calls reject. */
  close(): Promise<void>
}

/**
 * Creates a `TopicLog` in one Kafka topic; sessions need another store, since Kafka has no record that can be replaced. A topic's
 * name is the key of its records, so that each topic lies in one partition; every node reads all partitions from their ends,
 * without a consumer group, and keeps the newest messages. Connects at once, and retries until it succeeds.
 * @throws TypeError for an invalid option
 */
export function kafkaTopics(options: KafkaTopicsOptions): KafkaTopics {
  return new KafkaTopicLog(topicsSettings(options))
}

class KafkaTopicLog implements KafkaTopics {
  readonly #settings: TopicsSettings
  readonly #listeners = new TopicListeners()
  readonly #life = new Life('kafkaTopics')
  readonly #follower: Follower
  readonly #older: OlderReads
  readonly #appenders = new Map<number, Appender>()

  constructor(settings: TopicsSettings) {
    this.#settings = settings
    this.#follower = new Follower(settings, this.#listeners)
    this.#older = new OlderReads(settings)
  }

  async append(topic: string, data: Payload, options: AppendOptions = {}): Promise<number> {
    this.#life.check()
    const record = toRecord(topic, data, options)
    const deadline = this.#deadline()
    const before = options.key === undefined ? null : await this.#appendedBefore(topic, options.key, deadline)
    if (before !== null) return before
    const { partitions } = this.#follower.view ?? (await this.#follower.opened(deadline))
    const index = partitionOfTopic(topic, partitions.length)
    const offset = (await this.#appenderOf(index).append(record, deadline)) + 1
    if (options.key === undefined) return offset
    // Another node may have appended under this key at the same time: the first record in the partition counts.
    await this.#follower.reached(index, offset, deadline)
    return this.#follower.view?.partitions[index]?.offsetOf(topic, options.key) ?? offset
  }

  async readAfter(topic: string, after: number, limits: ReadLimits): Promise<Reading> {
    const deadline = this.#deadline()
    const view = await this.#follower.synced([topic], deadline)
    const partition = this.#partitionOf(view.partitions, topic)
    const hidden = partition.hiddenOf(topic, this.#settings.host.now())
    const lost = Math.max(this.#lostOf(partition, topic), hidden.through)
    const { epoch } = partition
    const from = Math.max(after, lost)
    const { floor } = partition
    if (from >= floor || partition.tailOf(topic) <= from) {
      const messages = withinLimits(partition.recentAfter(topic, from), [], limits)
      return { epoch, messages, lostThrough: lost, tail: Math.max(partition.tailOf(topic), lost) }
    }
    const scan = { topic, after: from, through: floor, notBefore: hidden.before, limits }
    const found = await this.#older.find(view, partition, scan, deadline)
    const isWhole = found.through >= floor
    if (isWhole && found.messages.length === 0) partition.nothingBetween(topic, Math.max(from, found.hiddenThrough), floor)
    // One read's limit was too small to find a message: the reader gets a gap, and continues with the messages in memory.
    const isGap = !isWhole && found.messages.length === 0
    const lostThrough = Math.max(lost, found.hiddenThrough, isGap ? partition.floor : 0)
    // Messages may have been evicted from memory since the scan began: the next read finds them.
    const isContiguous = isGap || (isWhole && partition.floor === floor)
    const recent = isContiguous ? partition.recentAfter(topic, lostThrough) : []
    const messages = withinLimits(recent, found.messages, limits)
    return { epoch, messages, lostThrough, tail: Math.max(partition.tailOf(topic), lostThrough) }
  }

  async tails(topics: readonly string[], last?: number): Promise<readonly Position[]> {
    const deadline = this.#deadline()
    if (topics.length === 0) return []
    const { partitions } = await this.#follower.synced(topics, deadline)
    return topics.map((topic) => this.#tailOf(this.#partitionOf(partitions, topic), topic, last))
  }

  watch(topic: string, listener: (news: TopicNews | null) => void): Watch {
    const stop = this.#listeners.add(topic, listener)
    if (this.#follower.view) return { ready: null, stop }
    const ready = this.#follower.opened(this.#deadline()).then(() => {})
    // A caller may ignore the promise: the listener is called anyway once the watch is in force.
    ready.catch(() => {})
    return { ready, stop }
  }

  async close(): Promise<void> {
    this.#life.end()
    this.#follower.close()
    this.#listeners.clear()
    await this.#settings.client.close()
  }

  #deadline(): Deadline {
    return new Deadline(this.#settings.host, this.#life, this.#settings.timeoutMs)
  }

  async #appendedBefore(topic: string, key: string, deadline: Deadline): Promise<number | null> {
    const { partitions } = await this.#follower.synced([topic], deadline)
    return this.#partitionOf(partitions, topic).offsetOf(topic, key)
  }

  /** The last lost offset of the topic, never above its end. */
  #lostOf(partition: Partition, topic: string): number {
    return Math.min(partition.lostThrough, partition.tailOf(topic))
  }

  #tailOf(partition: Partition, topic: string, last: number | undefined): Position {
    const { epoch } = partition
    const hidden = partition.hiddenOf(topic, this.#settings.host.now()).through
    const lost = Math.max(this.#lostOf(partition, topic), hidden)
    const tail = Math.max(partition.tailOf(topic), lost)
    if (last === undefined || last <= 0) return { epoch, offset: tail }
    if (last === Infinity) return { epoch, offset: lost }
    const recent = partition.recentAfter(topic, lost)
    const first = recent[Math.max(0, recent.length - last)]
    return { epoch, offset: Math.max(lost, first?.after ?? tail) }
  }

  #partitionOf(partitions: readonly Partition[], topic: string): Partition {
    const partition = partitions[partitionOfTopic(topic, partitions.length)]
    if (!partition) throw new Error(`kafkaTopics: '${this.#settings.topic}' has no partitions.`)
    return partition
  }

  #appenderOf(index: number): Appender {
    const appender = this.#appenders.get(index) ?? new Appender(this.#settings, index)
    this.#appenders.set(index, appender)
    return appender
  }
}

/** The first messages, and as many of the recent ones after them as the limits allow. */
function withinLimits(recent: readonly Stored[], first: readonly Stored[], { maxMessages, maxBytes }: ReadLimits): Stored[] {
  const messages = [...first]
  let bytes = first.reduce((sum, { data }) => sum + bytesOf(data), 0)
  for (const { offset, data } of recent) {
    bytes += bytesOf(data)
    if (messages.length > 0 && (messages.length >= maxMessages || bytes > maxBytes)) break
    messages.push({ offset, data })
  }
  return messages
}
