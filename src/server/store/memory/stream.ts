import type { ReadLimits } from '../ports.ts'

/** What a kept message costs beside its own bytes: its places in the arrays, and what the engine puts around a string. */
export const overheadBytes = 64

/**
 * One ordered log in memory. Offsets follow each other without a hole and only the oldest is ever forgotten, so that a
 * place is found by arithmetic.
 */
export class MemoryStream<Item> {
  #items: (Item | undefined)[] = []
  #sizes: number[] = []
  #head = 0
  #tail: number
  #bytes = 0
  /** The offset up to which the queue of its streams has let its messages pass; kept there. */
  passed: number

  /** Its first offset follows this one. */
  constructor(after = 0) {
    this.#tail = after
    this.passed = after
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  /** What it costs to keep what it holds, in bytes. */
  get cost(): number {
    return this.#bytes + this.length * overheadBytes
  }

  /** The offset of the last message ever appended, 0 for none. */
  get tail(): number {
    return this.#tail
  }

  /** The highest offset that it held once and holds no more. */
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

  /** Forgets the oldest message; returns what it had cost. */
  shift(): number {
    const bytes = this.#sizes[this.#head]
    if (bytes === undefined) return 0
    this.#items[this.#head] = undefined
    this.#bytes -= bytes
    this.#head += 1
    // Taking from the front of a long array one by one would be quadratic.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#sizes = this.#sizes.slice(this.#head)
      this.#head = 0
    }
    return bytes + overheadBytes
  }

  /** What follows a position: the first message in any case, then as long as the limits allow. */
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
