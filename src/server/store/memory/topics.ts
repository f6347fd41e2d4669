import type { Payload, Reading, ReadLimits, Stored, TopicLog } from '../ports.ts'
import type { BoundedStreams } from './bounded-streams.ts'
import { bytesOf, copied } from './payload.ts'
import { MemoryStream } from './stream.ts'
import { Watchers } from './watchers.ts'

/** The store's clock and randomness, passed in so that the store also runs under a virtual clock. */
export interface MemoryHost {
  /** Milliseconds of a clock that never goes backwards. */
  now(): number
  /** Letters, digits, `-` and `_` that were never returned before. */
  randomId(): string
}

/** The longest name of a topic, in UTF-16 code units: the number of topics is limited, so their names must be too. */
export const maxTopicLength = 1024

interface Topic {
  readonly name: string
  readonly epoch: string
  readonly stream: MemoryStream<Payload>
  older: Topic | null
  newer: Topic | null
}

const storedOf = (offset: number, data: Payload): Stored => ({ offset, data })

/**
 * Topics in memory. A topic is created, with an epoch of its own, when it is first used, and discarded when there are too many and it is
 * the least recently used; its readers then meet another epoch.
 */
export class MemoryTopics implements TopicLog {
  readonly #streams: BoundedStreams
  readonly #maxTopics: number
  readonly #host: MemoryHost
  readonly #watchers = new Watchers<null>(() => true)
  readonly #topics = new Map<string, Topic>()
  /** The ends of a list in order of use. Deleting a key of a large Map and setting it again is slow. */
  #oldest: Topic | null = null
  #newest: Topic | null = null
  /**
   * The highest offset that a discarded topic had. New topics start above it: messages of a topic's previous epoch that a slow attachment
   * still delivers must not pass for new ones.
   */
  #highest = 0

  constructor(streams: BoundedStreams, maxTopics: number, host: MemoryHost) {
    this.#streams = streams
    this.#maxTopics = maxTopics
    this.#host = host
  }

  async append(name: string, data: Payload): Promise<number> {
    const now = this.#host.now()
    this.#streams.forgetAged(now)
    const offset = this.#streams.push(this.#use(name).stream, copied(data), bytesOf(data), now)
    this.#watchers.changed(name, null)
    return offset
  }

  async readAfter(name: string, after: number, limits: ReadLimits): Promise<Reading> {
    this.#streams.forgetAged(this.#host.now())
    const { epoch, stream } = this.#use(name)
    return { epoch, messages: stream.readAfter(after, limits, storedOf), lostThrough: stream.lostThrough }
  }

  async tail(name: string): Promise<{ readonly epoch: string; readonly offset: number }> {
    const { epoch, stream } = this.#use(name)
    return { epoch, offset: stream.tail }
  }

  watch(name: string, listener: () => void): () => void {
    return this.#watchers.watch(name, listener)
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
