/** Up to this many messages are tracked one by one; then neighbours are merged into runs. */
const maxSingle = 32
/** The initial size up to which neighbours are merged into one run, in bytes. */
const minRunBytes = 16_384
/** The largest number of runs; beyond it they are made longer. */
const maxRuns = 256

/**
 * Pure: the bytes of a stream's messages that were sent and its reader has not acknowledged. It tracks a bounded number of runs,
 * so it may count up to one run too many; after a complete acknowledgment it counts nothing.
 */
export class Unread {
  /** Each run's last offset, and its bytes. */
  readonly #offsets: number[] = []
  readonly #sizes: number[] = []
  #bytes = 0
  /** The size up to which neighbours are merged, in bytes. */
  #runBytes = minRunBytes

  get bytes(): number {
    return this.#bytes
  }

  /** The offset of the last unread message; 0 without one. */
  get through(): number {
    return this.#offsets.at(-1) ?? 0
  }

  get runs(): number {
    return this.#offsets.length
  }

  add(offset: number, bytes: number): void {
    const last = this.#offsets.length - 1
    this.#bytes += bytes
    const together = (this.#sizes[last] ?? 0) + bytes
    // A store that answers out of order returns a lower offset: it is acknowledged with the one before it.
    const isLower = last >= 0 && offset <= (this.#offsets[last] ?? 0)
    if (isLower || (last >= maxSingle && together <= this.#runBytes)) {
      this.#offsets[last] = Math.max(offset, this.#offsets[last] ?? 0)
      this.#sizes[last] = together
      return
    }
    this.#offsets.push(offset)
    this.#sizes.push(bytes)
    if (this.#offsets.length > maxRuns) this.#joinRuns()
  }

  /** The reader has acknowledged everything up to an offset. */
  acknowledged(through: number): void {
    let runs = 0
    while (runs < this.#offsets.length && (this.#offsets[runs] ?? 0) <= through) {
      this.#bytes -= this.#sizes[runs] ?? 0
      runs += 1
    }
    if (runs === 0) return
    this.#offsets.splice(0, runs)
    this.#sizes.splice(0, runs)
    if (this.#offsets.length === 0) this.#runBytes = minRunBytes
  }

  /** Merges runs until at most half of `maxRuns` remain, each as long as `#runBytes` permits. */
  #joinRuns(): void {
    while (this.#offsets.length > maxRuns / 2) {
      this.#runBytes *= 2
      let last = 0
      for (let run = 1; run < this.#offsets.length; run += 1) {
        const together = (this.#sizes[last] ?? 0) + (this.#sizes[run] ?? 0)
        const isShort = together <= this.#runBytes
        if (!isShort) last += 1
        this.#sizes[last] = isShort ? together : (this.#sizes[run] ?? 0)
        this.#offsets[last] = this.#offsets[run] ?? 0
      }
      this.#offsets.length = last + 1
      this.#sizes.length = last + 1
    }
  }
}
