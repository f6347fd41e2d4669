import type { Stored } from '../server/store/ports.ts'
import { bytesOf } from '../server/util/payload.ts'
import type { KafkaFetched } from './client.ts'
import { type Entry, toEntry } from './record.ts'
import { SeenKeys } from './seen-keys.ts'

/** The overhead of a message in memory besides its own bytes. */
const overheadBytes = 160

/** How many topics without a message in memory are remembered, in each partition. */
const maxIdleTopics = 20_000

/** A message whose data is in memory. */
export interface Recent extends Stored {
  readonly timestamp: number
  /** The offset of the topic's message before it, or one between the two. */
  readonly after: number
}

/** A partition's state of one of its topics. */
interface TopicView {
  /** The topic has no message after this offset, which is that of its last message, if one was seen. */
  tail: number
  readonly recent: Recent[]
  /** The topic's retention according to its last message. */
  maxMessages: number
  maxAgeMs: number
}

/**
 * One partition as this node has read it: its newest messages, topic by topic, up to `position`. All offsets are those of the
 * `TopicLog`, one more than Kafka's, so that an offset equals the number of records up to it.
 */
export class Partition {
  readonly index: number
  readonly epoch: string
  /** Everything up to this offset was read. */
  position: number
  /** Everything after this offset is in `recent`. */
  floor: number
  /** The partition has lost everything up to this offset. */
  lostThrough: number
  /** The end of the partition when this node started reading it. */
  readonly begun: number
  bytes = 0
  readonly #keys: SeenKeys
  readonly #topics = new Map<string, TopicView>()
  /** The topics without a recent message, the longest idle first. */
  readonly #idle = new Map<string, TopicView>()
  /** No unknown topic has a message after this offset. */
  #unknownThrough: number
  readonly #queue: { readonly view: TopicView; readonly topic: string; readonly offset: number; readonly bytes: number }[] = []
  #head = 0

  /** @param from the offset after which to read; @param begun the current end of the partition */
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

  /** Adds the records fetched at `position`; calls `taken` for each message, with the offset of the topic's message before it. */
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

  /** The offset of the message that was appended under this key, if that is recent enough. */
  offsetOf(topic: string, key: string): number | null {
    return this.#keys.offsetOf(topic, key)
  }

  isDuplicate(offset: number): boolean {
    return this.#keys.isDuplicate(offset)
  }

  /** The topic has no message after this offset. */
  tailOf(topic: string): number {
    return this.#viewOf(topic)?.tail ?? this.#unknownThrough
  }

  /** A scan of the log has found no message of the topic after `after`, up to `through`. */
  nothingBetween(topic: string, after: number, through: number): void {
    if (this.#topics.has(topic) || this.tailOf(topic) > through || this.tailOf(topic) <= after) return
    const view = this.#idle.get(topic)
    if (view) view.tail = after
    else this.#remember(topic, newView(after))
  }

  /** The messages after an offset that are in memory. */
  recentAfter(topic: string, after: number): readonly Recent[] {
    const recent = this.#topics.get(topic)?.recent ?? []
    const first = recent.findIndex(({ offset }) => offset > after)
    return first < 0 ? [] : recent.slice(first)
  }

  /** What the topic's retention, by its last message, hides from readers: offsets up to `through`, times before `before`. */
  hiddenOf(topic: string, now: number): { readonly through: number; readonly before: number } {
    const view = this.#viewOf(topic)
    if (!view) return { through: 0, before: -Infinity }
    const { recent, maxMessages, maxAgeMs } = view
    const before = now - maxAgeMs
    // Only the last of the expired messages matters: clocks of different producers may differ.
    let first = recent.length
    while (first > 0 && (recent[first - 1]?.timestamp ?? 0) >= before) first -= 1
    first = Math.max(first, recent.length - maxMessages)
    const isAnyHidden = first > 0 || recent.length >= maxMessages
    const through = isAnyHidden ? (recent[first]?.after ?? view.tail) : 0
    return { through, before }
  }

  /** Discards the oldest message; returns the number of freed bytes. */
  discardOldest(): number {
    const oldest = this.#queue[this.#head]
    if (!oldest) return 0
    this.#head += 1
    // Removing messages one by one from the front of a long array would be quadratic.
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

  /** Drops messages whose records retention or an administrator has deleted. */
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
