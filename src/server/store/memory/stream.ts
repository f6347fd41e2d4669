import type { ReadLimits } from '../ports.ts'

/** The memory that a message takes beside its own bytes: its entries in the arrays, and V8's header of a string. */
export const overheadBytes = 64
/** The default size of a stream in a `memoryStore`, in bytes. */
export const defaultBytesPerStream = 8_388_608

/**
 * One ordered log in memory. Offsets are consecutive and only the oldest message is ever discarded, so that a message is found by
 * arithmetic.
 */
export class MemoryStream<Item> {
  #items: (Item | undefined)[] = []
  #sizes: number[] = []
  #head = 0
  #tail: number
  #bytes = 0
  /** The offset up to which `BoundedStreams` has passed this stream's messages in its queue; written there. */
  passed: number

  /** The first message gets the offset after this one. */
  constructor(after = 0) {
    this.#tail = after
    this.passed = after
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  /** The memory that its messages take, in bytes. */
  get cost(): number {
    return this.#bytes + this.length * overheadBytes
  }

  /** The offset of the last message ever appended, 0 for none. */
  get tail(): number {
    return this.#tail
  }

  /** The highest offset that was discarded. */
  get lostThrough(): number {
    return this.#tail - this.length
  }

  push(item: Item, bytes: number): number {
    this.#items.push(item)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    this.#tail += 1
    return this.#tail
  }

  /** Discards the oldest message; returns the memory that it took. */
  shift(): number {
    const bytes = this.#sizes[this.#head]
    if (bytes === undefined) return 0
    this.#items[this.#head] = undefined
    this.#bytes -= bytes
    this.#head += 1
    // Removing messages one by one from the front of a long array would be quadratic.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#sizes = this.#sizes.slice(this.#head)
      this.#head = 0
    }
    return bytes + overheadBytes
  }

  /** The entries that follow a position: at least one, then as many as the limits allow. */
  readAfter<Entry>(after: number, limits: ReadLimits, entryOf: (offset: number, item: Item) => Entry): Entry[] {
    const entries: Entry[] = []
    const lost = this.lostThrough
    let bytes = 0
    for (let offset = Math.max(after, lost) + 1; offset <= this.#tail; offset += 1) {
      const index = this.#head + offset - lost - 1
      bytes += this.#sizes[index] ?? 0
      if (entries.length > 0 && (entries.length >= limits.maxMessages || bytes > limits.maxBytes)) break
      entries.push(entryOf(offset, this.#items[index] as Item))
    }
    return entries
  }
}
