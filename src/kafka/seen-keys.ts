import type { Entry } from './record.ts'

/** The largest number of keys, however long the window is. */
const maxKeys = 100_000

/**
 * The keys of a partition's newest messages. A later message with the same topic and key is a duplicate, whichever node appended
 * it, and is not delivered. Time is that of the records, so that all nodes decide alike.
 */
export class SeenKeys {
  readonly #windowMs: number
  /** The oldest first. */
  readonly #seen = new Map<string, { readonly offset: number; readonly timestamp: number }>()
  readonly #duplicates = new Set<number>()
  #newest = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** Whether the message is to be delivered: it is the first with its key. */
  isFirst({ topic, key, offset, timestamp }: Entry): boolean {
    this.#newest = Math.max(this.#newest, timestamp)
    this.#forget()
    if (key === null) return true
    const name = nameOf(topic, key)
    const isFirst = !this.#seen.has(name)
    if (isFirst) this.#seen.set(name, { offset, timestamp })
    else this.#duplicates.add(offset)
    return isFirst
  }

  offsetOf(topic: string, key: string): number | null {
    return this.#seen.get(nameOf(topic, key))?.offset ?? null
  }

  isDuplicate(offset: number): boolean {
    return this.#duplicates.has(offset)
  }

  #forget(): void {
    for (const [name, { timestamp }] of this.#seen) {
      if (timestamp >= this.#newest - this.#windowMs && this.#seen.size <= maxKeys) break
      this.#seen.delete(name)
    }
    for (const offset of this.#duplicates) {
      if (this.#duplicates.size <= maxKeys) break
      this.#duplicates.delete(offset)
    }
  }
}

/** The length distinguishes names that a separator alone would not. */
function nameOf(topic: string, key: string): string {
  return `${topic.length}:${topic}${key}`
}
