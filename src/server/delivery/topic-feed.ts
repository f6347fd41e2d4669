import type { ServerHost } from '../node/host.ts'
import type { Reading, TopicLog } from '../store/ports.ts'
import type { Medium } from './carrier.ts'
import { Batch, type Entry, entryOf } from './frame-batch.ts'

/** How much is read of a stream at once. If a carrier then takes nothing, no more than that was read in vain. */
export const readLimits = { maxMessages: 1000, maxBytes: 65_536 }

/** How much of its topic's end a feed caches, in characters of text or bytes. */
const cacheLength = 65_536

type Frames = readonly (string | Uint8Array)[]

/** A reader of a topic on this node. */
export interface Follower {
  readonly stream: number
  readonly medium: Medium
  readonly offset: number
  readonly epoch: string
  /** Takes the messages after its offset, ready to be written; a follower that cannot write now reads them later. */
  deliver(frames: Frames, through: number): void
  /** There are messages that the follower has to read from the log. */
  wake(): void
}

/** One topic as one node reads it: once, however many followers it has, with its newest messages cached. */
export class TopicFeed {
  readonly topic: string
  /** Empty until the end of the topic is known. */
  epoch = ''
  /** The offset of the last message read. */
  end = 0
  /** The messages after this offset are cached. */
  #start = 0
  #entries: Entry[] = []
  #length = 0
  readonly #log: TopicLog
  readonly #host: ServerHost
  readonly #followers = new Set<Follower>()
  readonly #stopWatching: () => void
  #state: 'resting' | 'reading' | 'stale' | 'over' = 'resting'

  constructor(topic: string, log: TopicLog, host: ServerHost) {
    this.topic = topic
    this.#log = log
    this.#host = host
    this.#stopWatching = log.watch(topic, () => this.read())
    this.read()
  }

  get size(): number {
    return this.#followers.size
  }

  add(follower: Follower): void {
    this.#followers.add(follower)
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower)
  }

  stop(): void {
    this.#state = 'over'
    this.#stopWatching()
  }

  /** The messages after a position, if they are cached. */
  after(offset: number, epoch: string): readonly Entry[] | null {
    if (epoch !== this.epoch || offset < this.#start) return null
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.offset ?? 0) > offset) high = middle
      else low = middle + 1
    }
    return low === 0 ? this.#entries : this.#entries.slice(low)
  }

  /** Reads the new messages. */
  read(): void {
    if (this.#state === 'reading') this.#state = 'stale'
    if (this.#state !== 'resting') return
    this.#state = 'reading'
    this.#readOn().catch((error) => {
      this.#host.report(error)
      if (this.#state !== 'over') this.#state = 'resting'
    })
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const isMore = this.epoch === '' ? await this.#open() : await this.#readMore()
      if (this.#isOver()) return
      if (!isMore && this.#state === 'reading') break
      this.#state = 'reading'
    }
    this.#state = 'resting'
  }

  #isOver(): boolean {
    return this.#state === 'over'
  }

  async #open(): Promise<boolean> {
    const { epoch, offset } = await this.#log.tail(this.topic)
    if (this.#isOver()) return false
    this.#restart(epoch, offset)
    for (const follower of this.#followers) follower.wake()
    return false
  }

  async #readMore(): Promise<boolean> {
    const from = this.end
    const reading = await this.#log.readAfter(this.topic, from, readLimits)
    if (this.#isOver()) return false
    if (reading.epoch !== this.epoch) {
      this.epoch = ''
      return true
    }
    if (reading.messages.length === 0 && reading.lostThrough <= from) return false
    this.#append(reading, from)
    return true
  }

  #append({ messages, lostThrough }: Reading, from: number): void {
    if (lostThrough > from) this.#restart(this.epoch, lostThrough)
    const entries = messages.map(entryOf)
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#length += lengthOf(entry)
      this.end = entry.offset
    }
    // A follower that has not read what was lost has to report the gap before it continues (rule 3).
    this.#notify(entries, Math.max(from, lostThrough))
    this.#forget()
  }

  #restart(epoch: string, offset: number): void {
    this.epoch = epoch
    this.end = offset
    this.#start = offset
    this.#entries = []
    this.#length = 0
  }

  /** Passes new messages to all followers that have read everything before them; each encoding of them is made once. */
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
      follower.deliver(frames, this.end)
    }
  }

  #forget(): void {
    let count = 0
    while (this.#length > cacheLength) {
      const oldest = this.#entries[count]
      if (!oldest) break
      this.#length -= lengthOf(oldest)
      this.#start = oldest.offset
      count += 1
    }
    if (count) this.#entries = this.#entries.slice(count)
  }
}

function framesOf(entries: readonly Entry[], stream: number, medium: Medium): Frames {
  const frames: (string | Uint8Array)[] = []
  const batch = new Batch(medium, (frame) => frames.push(frame))
  for (const entry of entries) batch.add(stream, entry)
  batch.flush()
  return frames
}

function lengthOf({ data }: Entry): number {
  return data.length + 64
}

/** The topics that have followers on this node. */
export class TopicFeeds {
  readonly #log: TopicLog
  readonly #host: ServerHost
  readonly #feeds = new Map<string, TopicFeed>()

  constructor(log: TopicLog, host: ServerHost) {
    this.#log = log
    this.#host = host
  }

  /** Begins to follow a topic. */
  of(topic: string): TopicFeed {
    let feed = this.#feeds.get(topic)
    if (!feed) {
      feed = new TopicFeed(topic, this.#log, this.#host)
      this.#feeds.set(topic, feed)
    }
    return feed
  }

  leave(feed: TopicFeed, follower: Follower): void {
    feed.remove(follower)
    if (feed.size > 0) return
    feed.stop()
    this.#feeds.delete(feed.topic)
  }

  /** Reads all topics again: an announcement may have been missed, or a read have failed. */
  readAll(): void {
    for (const feed of this.#feeds.values()) feed.read()
  }

  stop(): void {
    for (const feed of this.#feeds.values()) feed.stop()
    this.#feeds.clear()
  }
}
