import type { ServerHost } from '../node/host.ts'
import type { Reading, Stored, TopicLog, TopicNews, Watch } from '../store/ports.ts'
import type { LoopIteration } from '../util/loop-iteration.ts'
import type { Medium } from './carrier.ts'
import { type CatchUp, readLimits } from './catch-up.ts'
import { Coalescer } from './coalescer.ts'
import { EntryCache } from './entry-cache.ts'
import { Batch, type Entry, entryOf } from './frame-batch.ts'

type Frames = readonly (string | Uint8Array)[]

/** A reader of a topic on this node. */
export interface Follower {
  readonly stream: number
  readonly medium: Medium
  readonly offset: number
  readonly epoch: string
  /** Writes that many messages after its offset, already encoded; a follower that cannot write now reads them later. */
  deliver(frames: Frames, messages: number, through: number): void
  /** The follower has to read new messages from the log. */
  wake(): void
}

/** The shared parts of a node's feeds. */
export interface FeedParts {
  readonly log: TopicLog
  readonly host: ServerHost
  readonly iteration: LoopIteration
  readonly catchUp: CatchUp
}

/**
 * One topic as one node reads it: once, however many followers it has, with its newest messages cached. An announcement with data
 * is used directly if it is the next message; anything else is read from the log.
 */
export class TopicFeed {
  readonly topic: string
  /** Empty until the end of the topic is known. */
  epoch = ''
  /** The offset of the last message that the followers have. */
  end = 0
  /** The highest offset that the log is known to hold. */
  #tail = 0
  readonly #parts: FeedParts
  readonly #cache = new EntryCache()
  readonly #followers = new Set<Follower>()
  readonly #watch: Watch
  readonly #coalescer: Coalescer
  /** Messages that were announced in this iteration of the event loop and follow `end`. */
  #announced: Stored[] = []
  #state: 'resting' | 'reading' | 'failed' | 'stopped' = 'resting'
  /** During a read: another one is needed, since this one may not return everything. */
  #mustReadAgain = false
  /** Whether it has waited for the watch to be in force. */
  #hasWaited = false

  constructor(topic: string, parts: FeedParts) {
    this.topic = topic
    this.#parts = parts
    this.#coalescer = new Coalescer(parts.iteration, () => this.flush())
    this.#watch = parts.log.watch(topic, (news) => this.#hear(news))
    this.read()
  }

  get size(): number {
    return this.#followers.size
  }

  /** Whether the last read failed, and has to be retried. */
  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  add(follower: Follower): void {
    this.#followers.add(follower)
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower)
    // A feed without followers caches nothing: returning ones read the current log, and no more than it holds.
    if (this.size === 0) this.#cache.restart(this.end)
  }

  stop(): void {
    this.#state = 'stopped'
    this.#watch.stop()
  }

  /** The messages after a position, if they are cached. */
  after(offset: number, epoch: string): readonly Entry[] | null {
    return epoch === this.epoch ? this.#cache.after(offset) : null
  }

  /** Reads the missing messages if the topic's end is at another position. */
  endsAt(epoch: string, offset: number): void {
    if (epoch !== this.epoch || offset > this.#tail) this.read()
  }

  /** Reads the new messages. */
  read(): void {
    this.flush()
    this.#mustReadAgain = true
    if (this.#state === 'reading' || this.#state === 'stopped') return
    this.#state = 'reading'
    this.#readOn().catch((error) => {
      this.#parts.host.report(error)
      if (!this.#isOver()) this.#state = 'failed'
    })
  }

  #hear(news: TopicNews | null): void {
    if (news === null) this.#parts.catchUp.forget(this.topic)
    if (news === null || news.epoch !== this.epoch) {
      this.read()
      return
    }
    const { offset, after, data } = news
    if (offset <= this.#tail) return
    const isNext = after === (this.#announced.at(-1)?.offset ?? this.end)
    if (this.#state !== 'resting' || !isNext || data === undefined) {
      this.read()
      return
    }
    this.#tail = offset
    this.#announced.push({ offset, data })
    if (this.#announced.length === 1 && this.#coalescer.mayWrite(data.length)) this.flush()
    else this.#coalescer.defer(data.length)
  }

  /** Delivers the announced messages now, without waiting for others. */
  flush(): void {
    if (this.#announced.length === 0 || this.#isOver()) return
    const messages = this.#announced
    this.#announced = []
    this.#append(messages, this.end)
  }

  async #readOn(): Promise<void> {
    while (this.#mustReadAgain) {
      this.#mustReadAgain = false
      if (this.epoch === '') await this.#open()
      else await this.#readMore()
      if (this.#isOver()) return
    }
    this.#state = 'resting'
  }

  #isOver(): boolean {
    return this.#state === 'stopped'
  }

  async #open(): Promise<void> {
    // Only a watch in force announces messages that are appended after the end was read. One that fails announces `null` later.
    const { ready } = this.#watch
    if (ready && !this.#hasWaited) {
      this.#hasWaited = true
      await ready
    }
    const [position] = await this.#parts.log.tails([this.topic])
    if (this.#isOver() || !position) return
    this.epoch = position.epoch
    this.#restart(position.offset)
    for (const follower of this.#followers) follower.wake()
  }

  async #readMore(): Promise<void> {
    const from = this.end
    const reading = await this.#parts.log.readAfter(this.topic, from, readLimits)
    if (this.#isOver()) return
    if (reading.epoch !== this.epoch) {
      this.epoch = ''
      this.#parts.catchUp.forget(this.topic)
      this.#mustReadAgain = true
    } else this.#take(reading, from)
  }

  #take({ messages, lostThrough, tail }: Reading, from: number): void {
    if (messages.length === 0 && lostThrough <= from) return
    if (lostThrough > from) this.#restart(lostThrough)
    // A follower that has not read the lost messages has to report the gap before it continues (rule 3).
    this.#append(messages, Math.max(from, lostThrough))
    this.#tail = Math.max(this.#tail, tail)
    if (this.end < tail) this.#mustReadAgain = true
  }

  #restart(offset: number): void {
    this.end = offset
    this.#tail = offset
    this.#cache.restart(offset)
  }

  #append(messages: readonly Stored[], from: number): void {
    this.end = messages.at(-1)?.offset ?? this.end
    this.#tail = Math.max(this.#tail, this.end)
    if (this.size === 0) {
      this.#cache.restart(this.end)
      return
    }
    const entries = messages.map(entryOf)
    for (const entry of entries) this.#cache.add(entry)
    this.#notify(entries, from)
    this.#cache.trim()
  }

  /** Passes new messages to all followers that have read everything before them; encodes them once per encoding. */
  #notify(entries: readonly Entry[], from: number): void {
    let stream = -1
    let isLines = false
    let frames: Frames = []
    for (const follower of this.#followers) {
      if (follower.offset !== from || follower.epoch !== this.epoch) {
        follower.wake()
        continue
      }
      if (follower.stream !== stream || isLines !== (follower.medium !== 'websocket')) {
        stream = follower.stream
        isLines = follower.medium !== 'websocket'
        frames = framesOf(entries, stream, follower.medium)
      }
      follower.deliver(frames, entries.length, this.end)
    }
  }
}

function framesOf(entries: readonly Entry[], stream: number, medium: Medium): Frames {
  const frames: (string | Uint8Array)[] = []
  const batch = new Batch(medium, (frame) => frames.push(frame))
  for (const entry of entries) batch.add(stream, entry)
  batch.flush()
  return frames
}
