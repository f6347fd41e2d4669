import type { Stored } from '../server/store/ports.ts'
import { bytesOf } from '../server/util/payload.ts'
import type { KafkaFetched } from './client.ts'
import { type Entry, toEntry } from './record.ts'
import { SeenKeys } from './seen-keys.ts'

/** What keeping a message costs beside its own bytes. */
const overheadBytes = 160

/** How many topics are kept in mind of which no message is, in each partition. */
const maxIdleTopics = 20_000

/** A message of which the data is kept. */
export interface Recent extends Stored {
  readonly timestamp: number
  /** The offset of the topic's message before it, or one between the two. */
  readonly after: number
}

/** What a partition knows of one of its topics. */
interface TopicView {
  /** No message of the topic is behind this offset; it is that of the last one, if one was seen. */
  tail: number
  readonly recent: Recent[]
  /** How much of the topic is kept, as its last message says. */
  maxMessages: number
  maxAgeMs: number
}

/**
 * One partition as this node has read it: its newest messages, topic by topic, up to `position`. All offsets are those of the `TopicLog`,
 * one more than Kafka's, so that an offset says how many records are up to it.
 */
export class Partition {
  readonly index: number
  readonly epoch: string
  /** Everything up to this offset was read. */
  position: number
  /** Everything after this offset is in `recent`. */
  floor: number
  /** The partition holds nothing up to this offset. */
  lostThrough: number
  /** What is read up to here was in the log before this node was. */
  readonly begun: number
  bytes = 0
  readonly #keys: SeenKeys
  readonly #topics = new Map<string, TopicView>()
  /** The topics without a recent message, the longest idle first. */
  readonly #idle = new Map<string, TopicView>()
  /** No message of a topic that is not known is behind this offset. */
  #unknownThrough: number
  readonly #queue: { readonly view: TopicView; readonly topic: string; readonly offset: number; readonly bytes: number }[] = []
  #head = 0

  /** @param from the offset after which it is read; @param begun the end of the partition now */
  constructor(index: number, epoch: string, bounds: { from: number; start: number; begun: number }, keyWindowMs: number) {
    this.index = index
    this.epoch = epoch
    this.position = bounds.from
    this.floor = bounds.from
    this.lostThrough = bounds.start
    this.begun = bounds.begun
    this.#unknownThrough = bounds.from
    this.#keys = new SeenKeys(keyWindowMs)
  }

  /** Takes what was read at `position`; calls back for each message, with the offset of the topic's message before it. */
  take({ records, next, start }: KafkaFetched, taken: (entry: Entry, after: number) => void): void {
    for (const record of records) {
      const entry = toEntry(record)
      if (entry.offset <= this.position) continue
      this.position = entry.offset
      if (!this.#keys.isFirst(entry)) continue
      taken(entry, this.#keep(entry))
    }
    this.position = Math.max(this.position, next)
    this.#losing(start)
  }

  /** The offset of the message that was appended under this key, if that is not too long ago. */
  offsetOf(topic: string, key: string): number | null {
    return this.#keys.offsetOf(topic, key)
  }

  isDuplicate(offset: number): boolean {
    return this.#keys.isDuplicate(offset)
  }

  /** No message of the topic is behind this offset. */
  tailOf(topic: string): number {
    return this.#viewOf(topic)?.tail ?? this.#unknownThrough
  }

  /** What was read of the log shows that no message of the topic is after the one offset and up to the other. */
  nothingBetween(topic: string, after: number, through: number): void {
    if (this.#topics.has(topic) || this.tailOf(topic) > through || this.tailOf(topic) <= after) return
    const view = this.#idle.get(topic)
    if (view) view.tail = after
    else this.#remember(topic, newView(after))
  }

  /** The messages after an offset that are at hand. */
  recentAfter(topic: string, after: number): readonly Recent[] {
    const recent = this.#topics.get(topic)?.recent ?? []
    const first = recent.findIndex(({ offset }) => offset > after)
    return first < 0 ? [] : recent.slice(first)
  }

  /** How much of the topic its last message wants to be kept, and the last offset that is hidden by it: what a reader may not get any more. */
  hiddenOf(topic: string, now: number): { readonly through: number; readonly before: number } {
    const view = this.#viewOf(topic)
    if (!view) return { through: 0, before: -Infinity }
    const { recent, maxMessages, maxAgeMs } = view
    const before = now - maxAgeMs
    // Only the last of those that are too old matters: clocks of different producers need not agree.
    let first = recent.length
    while (first > 0 && (recent[first - 1]?.timestamp ?? 0) >= before) first -= 1
    first = Math.max(first, recent.length - maxMessages)
    const isAnyHidden = first > 0 || recent.length >= maxMessages
    const through = isAnyHidden ? (recent[first]?.after ?? view.tail) : 0
    return { through, before }
  }

  /** Discards the oldest message; returns how many bytes that frees. */
  discardOldest(): number {
    const oldest = this.#queue[this.#head]
    if (!oldest) return 0
    this.#head += 1
    // Removing them one by one from the front of a long array would be quadratic.
    if (this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    const { view, topic, offset, bytes } = oldest
    view.recent.shift()
    if (view.recent.length === 0) {
      this.#topics.delete(topic)
      this.#remember(topic, view)
    }
    this.floor = offset
    this.bytes -= bytes
    return bytes
  }

  #keep({ topic, offset, timestamp, data, maxMessages, maxAgeMs }: Entry): number {
    const view = this.#viewOf(topic) ?? newView(this.#unknownThrough)
    this.#idle.delete(topic)
    this.#topics.set(topic, view)
    const after = view.tail
    view.recent.push({ offset, timestamp, data, after })
    Object.assign(view, { tail: offset, maxMessages, maxAgeMs })
    const bytes = bytesOf(data) + topic.length + overheadBytes
    this.#queue.push({ view, topic, offset, bytes })
    this.bytes += bytes
    return after
  }

  /** Retention, or an administrator, has deleted records. */
  #losing(through: number): void {
    this.lostThrough = Math.max(this.lostThrough, through)
    while (this.#head < this.#queue.length && (this.#queue[this.#head]?.offset ?? 0) <= through) this.discardOldest()
    this.floor = Math.max(this.floor, this.lostThrough)
  }

  #viewOf(topic: string): TopicView | undefined {
    return this.#topics.get(topic) ?? this.#idle.get(topic)
  }

  #remember(topic: string, view: TopicView): void {
    this.#idle.set(topic, view)
    if (this.#idle.size <= maxIdleTopics) return
    for (const [oldest, { tail }] of this.#idle) {
      this.#idle.delete(oldest)
      this.#unknownThrough = Math.max(this.#unknownThrough, tail)
      return
    }
  }
}

function newView(tail: number): TopicView {
  return { tail, recent: [], maxMessages: Infinity, maxAgeMs: Infinity }
}
