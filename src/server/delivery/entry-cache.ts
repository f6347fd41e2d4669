import type { Entry } from './frame-batch.ts'

/** Size of a feed's cache of its topic's newest messages, in characters of text or bytes. */
const cacheLength = 65_536

/** The newest messages of a topic, in order and without a hole. */
export class EntryCache {
  /** All messages after this offset are cached. */
  #start = 0
  #entries: Entry[] = []
  #length = 0

  restart(offset: number): void {
    this.#start = offset
    this.#entries = []
    this.#length = 0
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
    this.#length += lengthOf(entry)
  }

  /** The messages after an offset; `null` if they are not all cached. */
  after(offset: number): readonly Entry[] | null {
    if (offset < this.#start) return null
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.offset ?? 0) > offset) high = middle
      else low = middle + 1
    }
    return low === 0 ? this.#entries : this.#entries.slice(low)
  }

  /** Evicts the oldest messages until the cache is within its limit. */
  trim(): void {
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

function lengthOf({ data }: Entry): number {
  return data.length + 64
}
