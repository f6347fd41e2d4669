import type { Meters } from '../metrics/meters.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { SessionRecord } from '../store/ports.ts'
import type { Carrier, Medium } from './carrier.ts'
import type { Batch } from './frame-batch.ts'
import type { Follower, TopicFeed } from './topic-feed.ts'

/** The session whose streams are delivered. */
export interface ReadSession {
  readonly id: string
  readonly node: NodeContext
  readonly processor: {
    readonly record: SessionRecord
    /** Reads the record again. */
    refresh(): void
  }
  /** Nothing could be read: reports the error, and tries again at the next tick. */
  storeFailed(error: unknown): void
}

/** The attachment to which a delivery writes. */
export interface Recipient {
  readonly carrier: Carrier
  readonly isOpen: boolean
  readonly session: ReadSession
  /** Writes to the carrier. */
  write(frame: string | Uint8Array): void
  /** All available messages have been written, or the carrier accepts no more for now. */
  settled(): void
}

/** A topic reader's view of its attachment's delivery. */
export interface DeliveryControl {
  /** Whether new messages can be written directly after what was written before. */
  isReady(): boolean
  wake(): void
}

/** One attachment's position in one topic. */
export class TopicReader implements Follower {
  readonly stream: number
  /** The client's name for the topic. */
  readonly #name: string
  readonly medium: Medium
  offset: number
  epoch: string
  /** Whether the log was read to its end while the feed was not open yet. */
  #hasRead = false
  #isOver = false
  readonly #feed: TopicFeed
  readonly #delivery: DeliveryControl
  readonly #recipient: Recipient

  constructor(
    delivery: DeliveryControl,
    recipient: Recipient,
    feed: TopicFeed,
    { stream, name }: { readonly stream: number; readonly name: string },
    { epoch, offset }: { readonly epoch: string; readonly offset: number },
  ) {
    this.#delivery = delivery
    this.#recipient = recipient
    this.#feed = feed
    this.medium = recipient.carrier.medium
    this.stream = stream
    this.#name = name
    this.offset = offset
    this.epoch = epoch
    feed.add(this)
  }

  get #meters(): Meters {
    return this.#recipient.session.node.meters
  }

  stop(): void {
    this.#isOver = true
    this.#recipient.session.node.feeds.leave(this.#feed, this)
  }

  isBehind(): boolean {
    if (this.#feed.epoch === '') return !this.#hasRead
    return this.offset < this.#feed.end || this.epoch !== this.#feed.epoch
  }

  deliver(frames: readonly (string | Uint8Array)[], messages: number, through: number): void {
    if (this.medium === 'answer' || !this.#delivery.isReady()) {
      this.#delivery.wake()
      return
    }
    this.offset = through
    this.#meters.messagesSent += messages
    for (const frame of frames) this.#recipient.write(frame)
  }

  wake(): void {
    this.#delivery.wake()
  }

  /** Reads the messages that the feed has cached. */
  readFeed(batch: Batch): boolean {
    const entries = this.#feed.after(this.offset, this.epoch)
    if (!entries || entries.length === 0) return false
    for (const entry of entries) batch.add(this.stream, entry)
    this.#meters.messagesSent += entries.length
    this.offset = entries.at(-1)?.offset ?? this.offset
    return true
  }

  /** Reads from the log what the feed no longer caches; returns whether the position advanced. */
  async readLog(batch: Batch): Promise<boolean> {
    const { catchUp } = this.#recipient.session.node.feeds
    const { topic } = this.#feed
    let reading = await catchUp.read(topic, this.offset)
    if (reading.epoch !== this.epoch) reading = await catchUp.readAnew(topic, this.offset)
    const isOther = reading.epoch !== this.epoch
    if (isOther) reading = await catchUp.read(topic, 0)
    if (this.#isOver || !this.#recipient.isOpen) return false
    const { epoch, messages, lostThrough, tail } = reading
    const isGap = isOther || lostThrough > this.offset
    if (isGap) {
      this.#meters.gaps += 1
      batch.flush()
      const gap = {
        stream: this.stream,
        topic: this.#name,
        epoch,
        after: isOther ? null : this.offset,
        resumesAt: lostThrough + 1,
      }
      this.#recipient.write(`g${JSON.stringify(gap)}`)
      this.epoch = epoch
      this.offset = lostThrough
    }
    this.#meters.messagesSent += messages.length
    for (const message of messages) {
      batch.add(this.stream, message)
      this.offset = message.offset
    }
    this.#hasRead = this.offset >= tail
    return isGap || messages.length > 0
  }
}
