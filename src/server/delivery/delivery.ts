import type { PrivateAppend, PrivateEntry, Stored, Subscription } from '../store/ports.ts'
import { isCall, isMessage, messageKind, subscriptionChangeOf, withoutWithdrawn } from '../store/private-entries.ts'
import { readLimits } from './catch-up.ts'
import { Coalescer } from './coalescer.ts'
import { Batch } from './frame-batch.ts'
import type { Cursor } from './parse-frames.ts'
import { type Recipient, TopicReader } from './topic-reader.ts'

/**
 * Rule 11: delivers to one attachment all streams that its session reads. It has a position in each stream, writes while the
 * carrier drains, and continues to read from the logs when the carrier drains again.
 */
export class Delivery {
  readonly #recipient: Recipient
  #coalescer: Coalescer | null = null
  /** The offset in stream 0 up to which everything has been written. */
  #at: number
  /** The client's cursor; needed until its earlier subscriptions are followed again. */
  #cursor: Cursor | null
  #state: 'resting' | 'delivering' | 'woken' | 'failed' = 'resting'
  #isPrivateNew = true
  /** The list of subscriptions that is followed now. */
  #followed: readonly Subscription[] | null = null
  #readers: TopicReader[] | null = null
  /** Streams that ended; their numbers are never reused. */
  #ended: Set<number> | null = null
  /**
   * Streams announced since the attachment began, or since a gap in stream 0. A subscribed stream that is not among them and is
   * unknown to the client was announced in the lost part: perhaps by an earlier answer, which ended with the gap.
   */
  #announced: Set<number> | null = new Set()

  constructor(recipient: Recipient, cursor: Cursor, epoch: string) {
    const place = cursor.get(0)
    const isKnown = place?.epoch === epoch
    this.#recipient = recipient
    this.#at = isKnown ? place.offset : 0
    // Stream numbers of another epoch of the session have no meaning in this one.
    this.#cursor = isKnown ? cursor : null
  }

  get at(): number {
    return this.#at
  }

  get isCaughtUp(): boolean {
    return !this.#isPrivateNew && this.#state === 'resting'
  }

  /** A message was sent from this node: written at once if it is the next one, otherwise read from the log. */
  sent({ offset, data }: Stored): void {
    // Bytes belong to the caller of `send()`, which may overwrite them before they are written.
    if (typeof data === 'string' && this.#isNext(offset)) this.#writeNext({ kind: messageKind, data, offset })
  }

  /** The end of stream 0 is at this offset now; the log may have announced the entry there. */
  appended(tail: number, entry: PrivateAppend | null = null): void {
    if (tail <= this.#at) return
    if (entry && this.#isNext(tail)) {
      const last = { ...entry, offset: tail }
      if ((isMessage(last) || isCall(last)) && this.#writeNext(last)) return
    }
    this.#isPrivateNew = true
    // An answer is complete with its first batch, so it waits for all that the iteration brings.
    this.#coalesced.defer(this.#recipient.carrier.medium === 'answer' ? 0 : (entry?.data?.length ?? 0))
  }

  #isNext(offset: number): boolean {
    return offset === this.#at + 1 && !this.#isPrivateNew
  }

  /** Writes the next entry if the carrier accepts it and it need not wait for others; returns whether it did. */
  #writeNext(entry: PrivateEntry): boolean {
    const { carrier } = this.#recipient
    if (carrier.medium === 'answer' || !this.isReady()) return false
    if (!this.#coalesced.mayWrite(entry.data?.length ?? 0)) return false
    const batch = new Batch(carrier.medium, (frame) => this.#recipient.write(frame))
    this.#writePrivate(batch, entry)
    batch.flush()
    return true
  }

  get #coalesced(): Coalescer {
    this.#coalescer ??= new Coalescer(this.#recipient.session.node.iteration, () => this.#isPrivateNew && this.wake())
    return this.#coalescer
  }

  /** Stream 0 may have new entries, or the list of subscriptions has changed. */
  privateChanged(): void {
    this.#isPrivateNew = true
    this.wake()
  }

  /** Delivers pending messages, as far as the carrier accepts them. */
  wake(): void {
    if (this.#state === 'delivering' || this.#state === 'woken') {
      this.#state = 'woken'
      return
    }
    this.#state = 'delivering'
    this.#run().catch((error) => {
      this.#state = 'failed'
      this.#isPrivateNew = true
      this.#recipient.session.storeFailed(error)
    })
  }

  /** Retries failed reads. */
  tick(): void {
    if (this.#state === 'failed') this.wake()
  }

  stop(): void {
    for (const reader of this.#readers ?? []) reader.stop()
    this.#readers = null
  }

  /** Whether new messages of a topic can be written directly after what was written before. */
  isReady(): boolean {
    return this.#state === 'resting' && this.#recipient.isOpen && this.#recipient.carrier.isDraining()
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#deliver()
      if (!this.#recipient.isOpen || this.#state === 'delivering') break
      this.#state = 'delivering'
    }
    this.#state = 'resting'
    if (this.#recipient.isOpen) this.#recipient.settled()
  }

  async #deliver(): Promise<void> {
    const recipient = this.#recipient
    const batch = new Batch(recipient.carrier.medium, (frame) => recipient.write(frame))
    while (recipient.isOpen && recipient.carrier.isDraining()) {
      try {
        if (!(await this.#read(batch))) return
      } finally {
        // Positions have advanced past what was read, so it is written even if the next read fails.
        if (recipient.isOpen) batch.flush()
      }
    }
  }

  /** Reads as much as fits into a batch; returns whether there may be more. */
  async #read(batch: Batch): Promise<boolean> {
    const { subscriptions } = this.#recipient.session.processor.record
    const hasRead = this.#isPrivateNew && (await this.#readPrivate(batch))
    if (!this.#recipient.isOpen) return false
    // All streams of the list have been announced only after stream 0 was read to its end, later than the list was written.
    if (!this.#isPrivateNew && subscriptions !== this.#followed) this.#follow(subscriptions, batch)
    const hasMore = await this.#readTopics(batch)
    return hasRead || hasMore
  }

  /** Reads stream 0 once; returns whether there may be more. */
  async #readPrivate(batch: Batch): Promise<boolean> {
    const { id, node, processor } = this.#recipient.session
    const { record } = processor
    this.#isPrivateNew = false
    const reading = await node.sessions.readAfter(id, this.#at, readLimits)
    if (!this.#recipient.isOpen) return false
    if (reading?.epoch !== record.epoch) {
      processor.refresh()
      return false
    }
    const { messages, lostThrough, tail } = reading
    if (lostThrough > this.#at) {
      const gap = { stream: 0, epoch: record.epoch, after: this.#at, resumesAt: lostThrough + 1 }
      this.#writeAfterBatch(batch, `g${JSON.stringify(gap)}`)
      node.meters.gaps += 1
      this.#at = lostThrough
      this.#announced = new Set()
    }
    for (const entry of withoutWithdrawn(messages, node.sessions.now())) this.#writePrivate(batch, entry)
    if (this.#at < tail && messages.length > 0) this.#isPrivateNew = true
    return messages.length > 0
  }

  #writePrivate(batch: Batch, entry: PrivateEntry): void {
    this.#at = entry.offset
    if (isMessage(entry)) {
      this.#recipient.session.node.meters.messagesSent += 1
      batch.add(0, entry)
      return
    }
    const change = isCall(entry) ? null : subscriptionChangeOf(entry)
    if (isCall(entry)) this.#writeAfterBatch(batch, `C0.${entry.offset}:${entry.data}`)
    else if (change && 'subscribed' in change) this.#announce(batch, change.subscribed)
    else if (change) this.#unsubscribe(batch, entry.offset, change.unsubscribed)
  }

  #unsubscribe(batch: Batch, at: number, stream: number): void {
    this.#ended = (this.#ended ?? new Set<number>()).add(stream)
    const reader = this.#readers?.find((each) => each.stream === stream)
    this.#readers = this.#readers?.filter((each) => each !== reader) ?? null
    reader?.stop()
    this.#writeAfterBatch(batch, `u${JSON.stringify({ at, stream })}`)
  }

  #announce(batch: Batch, { stream, topic: name, as: topic = name, epoch, from }: Subscription): void {
    this.#announced?.add(stream)
    this.#writeAfterBatch(batch, `s${JSON.stringify({ at: this.#at, stream, topic, epoch, from })}`)
  }

  /** Writes a frame after the messages in the batch. */
  #writeAfterBatch(batch: Batch, frame: string): void {
    batch.flush()
    this.#recipient.write(frame)
  }

  #follow(subscriptions: readonly Subscription[], batch: Batch): void {
    const { feeds } = this.#recipient.session.node
    const wanted = new Set(subscriptions.map(({ stream }) => stream))
    // A stream that has left the list is in no later one.
    for (const { stream } of this.#followed ?? []) if (!wanted.has(stream)) this.#ended?.delete(stream)
    this.#followed = subscriptions
    const read = new Set<number>()
    for (const reader of this.#readers ?? []) {
      if (wanted.has(reader.stream)) read.add(reader.stream)
      else reader.stop()
    }
    if (this.#readers && read.size < this.#readers.length) this.#readers = this.#readers.filter(({ stream }) => read.has(stream))
    for (const subscription of subscriptions) {
      const { stream, topic, as: name = topic, epoch, from } = subscription
      if (this.#ended?.has(stream) || read.has(stream)) continue
      const place = this.#cursor?.get(stream)
      // Its announcement may have been lost; a client that knows the stream ignores a second one.
      if (this.#announced && !this.#announced.has(stream) && !place) this.#announce(batch, subscription)
      const start = place ?? { epoch, offset: from }
      this.#readers ??= []
      this.#readers.push(new TopicReader(this, this.#recipient, feeds.of(topic), { stream, name }, start))
    }
    this.#cursor = null
    this.#announced = null
  }

  /** Advances each topic by one read; returns whether there may be more. */
  async #readTopics(batch: Batch): Promise<boolean> {
    let hasMore = false
    for (const reader of this.#readers ?? []) {
      if (!this.#recipient.isOpen || !this.#recipient.carrier.isDraining()) break
      if (!reader.isBehind()) continue
      const hasMoved = reader.readFeed(batch) || (await reader.readLog(batch))
      hasMore ||= hasMoved
    }
    return hasMore
  }
}
