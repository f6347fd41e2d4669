/** How many messages are remembered one by one, before neighbours are remembered together. */
const mostSingle = 32
/** The bytes up to which neighbours are remembered together, at first. */
const leastRunBytes = 16_384
/** How many runs are remembered before they are made longer. */
const mostRuns = 256

/**
 * Pure: the messages of one stream that were sent and that its reader has not acknowledged, as their number of bytes. It remembers a
 * bounded number of runs, so it may count up to one run too many; a reader that has acknowledged everything has nothing unread.
 */
export class Unread {
  /** Of each run, the offset of its last message, and its bytes. */
  readonly #offsets: number[] = []
  readonly #sizes: number[] = []
  #bytes = 0
  /** Up to how many bytes neighbours are remembered together. */
  #runBytes = leastRunBytes

  get bytes(): number {
    return this.#bytes
  }

  /** The offset of the last message that is unread; 0 if none is. */
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
    // A store that answers out of order brings a lower offset: it is acknowledged with the one before it.
    const isLower = last >= 0 && offset <= (this.#offsets[last] ?? 0)
    if (isLower || (last >= mostSingle && together <= this.#runBytes)) {
      this.#offsets[last] = Math.max(offset, this.#offsets[last] ?? 0)
      this.#sizes[last] = together
      return
    }
    this.#offsets.push(offset)
    this.#sizes.push(bytes)
    if (this.#offsets.length > mostRuns) this.#joinRuns()
  }

  /** The reader has everything up to an offset. */
  acknowledged(through: number): void {
    let runs = 0
    while (runs < this.#offsets.length && (this.#offsets[runs] ?? 0) <= through) {
      this.#bytes -= this.#sizes[runs] ?? 0
      runs += 1
    }
    if (runs === 0) return
    this.#offsets.splice(0, runs)
    this.#sizes.splice(0, runs)
    if (this.#offsets.length === 0) this.#runBytes = leastRunBytes
  }

  /** Makes fewer and longer runs of them: half as many as may be at the most, each as long as the next one permits. */
  #joinRuns(): void {
    while (this.#offsets.length > mostRuns / 2) {
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
