import type { AppendOptions, Payload, Position, Reading, ReadLimits, Stored, TopicLog, TopicNews, Watch } from '../ports.ts'
import { AppendKeys } from './append-keys.ts'
import type { BoundedStreams } from './bounded-streams.ts'
import { bytesOf, copied } from './payload.ts'
import { MemoryStream } from './stream.ts'
import { Watchers } from './watchers.ts'

/** The store's clock and randomness, passed in so that the store also runs under a virtual clock. */
export interface MemoryHost {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Returns letters, digits, `-` and `_`, never the same twice. */
  randomId(): string
}

/** The longest name of a topic, in UTF-16 code units: the number of topics is limited, so their names must be too. */
export const maxTopicLength = 1024

interface Topic {
  readonly name: string
  readonly epoch: string
  readonly stream: MemoryStream<Payload>
  /** How long its messages are kept, if less than the store's limit, and when the messages with such an age were appended. */
  age: { readonly maxAgeMs: number; readonly times: { readonly offset: number; readonly at: number }[] } | null
  older: Topic | null
  newer: Topic | null
}

const storedOf = (offset: number, data: Payload): Stored => ({ offset, data })

/**
 * Topics in memory. A topic is created, with an epoch of its own, when it is first used, and evicted when there are too many and
 * it is the least recently used; its readers then find another epoch.
 */
export class MemoryTopics implements TopicLog {
  readonly #streams: BoundedStreams
  readonly #maxTopics: number
  readonly #host: MemoryHost
  /** Of several messages appended in one task only the last is announced: a reader fetches all of them in one read. */
  readonly #watchers = new Watchers<TopicNews>(() => true)
  readonly #keys = new AppendKeys<Topic>()
  readonly #topics = new Map<string, Topic>()
  /** The ends of a linked list in order of use. To delete a key of a large Map and set it again is slow. */
  #oldest: Topic | null = null
  #newest: Topic | null = null
  /**
   * The highest offset of any evicted topic. New topics start above it: messages of a topic's previous epoch that a slow
   * attachment still delivers must not be mistaken for new ones.
   */
  #highest = 0

  constructor(streams: BoundedStreams, maxTopics: number, host: MemoryHost) {
    this.#streams = streams
    this.#maxTopics = maxTopics
    this.#host = host
  }

  async append(name: string, data: Payload, { key, maxMessages = Infinity, maxAgeMs }: AppendOptions = {}): Promise<number> {
    const now = this.#host.now()
    this.#streams.forgetAged(now)
    const topic = this.#use(name)
    const known = key === undefined ? undefined : this.#keys.get(topic, key, now)
    if (known !== undefined) return known
    const { epoch, stream } = topic
    const after = stream.tail
    const kept = copied(data)
    const offset = this.#streams.push(stream, kept, bytesOf(kept), now)
    if (stream.length > maxMessages) this.#streams.trim(stream, offset - Math.max(1, maxMessages))
    if (maxAgeMs !== undefined) topic.age = { maxAgeMs, times: topic.age?.times ?? [] }
    topic.age?.times.push({ offset, at: now })
    this.#forgetAgedOf(topic, now)
    if (key !== undefined) this.#keys.add(topic, key, offset, now)
    this.#watchers.changed(name, { epoch, offset, after, data: kept })
    return offset
  }

  async readAfter(name: string, after: number, limits: ReadLimits): Promise<Reading> {
    const now = this.#host.now()
    this.#streams.forgetAged(now)
    const topic = this.#use(name)
    this.#forgetAgedOf(topic, now)
    const { epoch, stream } = topic
    const { lostThrough, tail } = stream
    return { epoch, messages: stream.readAfter(after, limits, storedOf), lostThrough, tail }
  }

  async tails(names: readonly string[], last = 0): Promise<readonly Position[]> {
    const now = this.#host.now()
    this.#streams.forgetAged(now)
    return names.map((name) => {
      const topic = this.#use(name)
      this.#forgetAgedOf(topic, now)
      const { tail, lostThrough } = topic.stream
      return { epoch: topic.epoch, offset: Math.max(lostThrough, tail - last) }
    })
  }

  watch(name: string, listener: (news: TopicNews) => void): Watch {
    return this.#watchers.watch(name, listener)
  }

  #forgetAgedOf({ age, stream }: Topic, now: number): void {
    if (!age) return
    const { times, maxAgeMs } = age
    const young = times.findIndex(({ at }) => now - at < maxAgeMs)
    const aged = times.splice(0, young < 0 ? times.length : young).at(-1)
    if (aged) this.#streams.trim(stream, aged.offset)
  }

  #use(name: string): Topic {
    const known = this.#topics.get(name)
    if (known) {
      if (known === this.#newest) return known
      this.#unlink(known)
      return this.#link(known)
    }
    if (name.length > maxTopicLength)
      throw new RangeError(`The name of a topic has ${name.length} characters; it may have ${maxTopicLength}.`)
    if (this.#oldest && this.#topics.size >= this.#maxTopics) this.#forget(this.#oldest)
    const topic = {
      name,
      epoch: this.#host.randomId(),
      stream: new MemoryStream<Payload>(this.#highest),
      age: null,
      older: null,
      newer: null,
    }
    this.#topics.set(name, topic)
    return this.#link(topic)
  }

  #forget(topic: Topic): void {
    this.#highest = Math.max(this.#highest, topic.stream.tail)
    this.#streams.trim(topic.stream, topic.stream.tail)
    this.#topics.delete(topic.name)
    this.#unlink(topic)
  }

  #link(topic: Topic): Topic {
    topic.older = this.#newest
    topic.newer = null
    if (this.#newest) this.#newest.newer = topic
    else this.#oldest = topic
    this.#newest = topic
    return topic
  }

  #unlink({ older, newer }: Topic): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}
