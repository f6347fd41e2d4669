import { type MemoryStream, overheadBytes } from './stream.ts'

/** The limits of one half of the store. */
export interface Bounds {
  readonly maxBytesPerStream: number
  readonly maxMessagesPerStream: number
  readonly maxAgeMs: number
}

/** One half of the store: the topics, or the private streams of sessions. */
export interface Half {
  /** The memory that its messages take, in bytes. */
  readonly cost: number
  /** Evicts one message, which the half selects. */
  forgetOldest(): void
}

/** The memory that the halves of a store share. */
export class Budget {
  readonly #maxBytes: number
  readonly #halves: Half[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  join(half: Half): void {
    this.#halves.push(half)
  }

  /** Evicts messages until the rest fits: from the half that holds most, so that neither can push the other out. */
  fit(): void {
    for (;;) {
      let cost = 0
      let most: Half | null = null
      for (const half of this.#halves) {
        cost += half.cost
        if (!most || half.cost > most.cost) most = half
      }
      if (cost <= this.#maxBytes) return
      most?.forgetOldest()
    }
  }
}

type Stream = MemoryStream<unknown>

/**
 * The messages of many streams, in order of arrival: the oldest one, and all that have expired, are found without scanning the
 * streams. A stream may discard messages by itself; their places in the queue are then skipped.
 */
export class BoundedStreams implements Half {
  readonly #bounds: Bounds
  readonly #pushed: () => void
  #queue: Stream[] = []
  #times: number[] = []
  #head = 0
  #messages = 0
  #cost = 0

  /** @param pushed called when the streams hold more than before */
  constructor(bounds: Bounds, pushed: () => void = () => {}) {
    this.#bounds = bounds
    this.#pushed = pushed
  }

  /** The memory that all messages take, in bytes. */
  get cost(): number {
    return this.#cost
  }

  /**
   * Appends a message, and evicts others to make room for it; returns the offset.
   * @throws RangeError if the message alone exceeds the limit of a stream; then nothing has changed.
   */
  push<Item>(stream: MemoryStream<Item>, item: Item, bytes: number, now: number): number {
    const { maxBytesPerStream, maxMessagesPerStream } = this.#bounds
    const cost = bytes + overheadBytes
    if (cost > maxBytesPerStream) {
      throw new RangeError(
        `The message has ${bytes} bytes; a stream holds ${maxBytesPerStream - overheadBytes} (memoryStore: maxBytesPerStream, maxBytes).`,
      )
    }
    while (stream.length >= maxMessagesPerStream || stream.cost + cost > maxBytesPerStream) this.#shift(stream)
    const offset = stream.push(item, bytes)
    this.#queue.push(stream)
    this.#times.push(now)
    this.#messages += 1
    this.#cost += cost
    this.#pushed()
    if (this.#queue.length - this.#head > 2 * this.#messages + 32) this.#compact()
    return offset
  }

  /** Discards the messages of a stream up to an offset. */
  trim(stream: Stream, through: number): void {
    while (stream.length > 0 && stream.lostThrough < through) this.#shift(stream)
  }

  /** Evicts the messages that have reached the maximum age. */
  forgetAged(now: number): void {
    for (let at = this.#times[this.#head]; at !== undefined && now - at >= this.#bounds.maxAgeMs; at = this.#times[this.#head])
      this.#pass()
  }

  /** Evicts the oldest message of all streams. */
  forgetOldest(): void {
    for (const before = this.#messages; this.#messages === before && this.#messages > 0; ) this.#pass()
  }

  #shift(stream: Stream): void {
    this.#cost -= stream.shift()
    this.#messages -= 1
  }

  /** Removes the first place from the queue, and discards its message if that is still there. */
  #pass(): void {
    const stream = this.#queue[this.#head]
    if (!stream) return
    this.#head += 1
    stream.passed += 1
    if (stream.passed > stream.lostThrough) this.#shift(stream)
    if (this.#head * 2 > this.#queue.length) this.#cut()
  }

  #cut(): void {
    this.#queue = this.#queue.slice(this.#head)
    this.#times = this.#times.slice(this.#head)
    this.#head = 0
  }

  /** Removes the places of discarded messages, which are always the first of their stream. */
  #compact(): void {
    this.#cut()
    let kept = 0
    for (const [index, stream] of this.#queue.entries()) {
      stream.passed += 1
      if (stream.passed <= stream.lostThrough) continue
      this.#queue[kept] = stream
      this.#times[kept] = this.#times[index] ?? 0
      kept += 1
    }
    this.#queue.length = kept
    this.#times.length = kept
    for (const stream of this.#queue) stream.passed = stream.lostThrough
  }
}
