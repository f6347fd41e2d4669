const maxGraceMs = 120_000
const slowestBytesPerMs = 10
const answerMs = 3000

/** How much longer than usual silence is accepted, since data in transit may be slow on a bad link (rule 7). */
export class Grace {
  /** The bytes that the server has announced. */
  comingBytes = 0
  #factor = 1
  /** Whether anything was read or acknowledged since the last attachment opened. */
  #hasProgressed = false

  /** @param bytesUnderWay the bytes that were sent and may not have arrived */
  ms(bytesUnderWay: number): number {
    const bytes = bytesUnderWay + this.comingBytes
    return Math.min(maxGraceMs, bytes / slowestBytesPerMs + answerMs * (this.#factor - 1))
  }

  /** The server has announced data, with or without their size. */
  coming(bytes = this.comingBytes): void {
    this.comingBytes = bytes
  }

  opened(): void {
    this.#hasProgressed = false
  }

  progressed(): void {
    this.#hasProgressed = true
    this.#factor = 1
  }

  /** An attachment ended by silence: if it made no progress, the next one is given twice the time. */
  fellSilent(): void {
    if (!this.#hasProgressed) this.#factor *= 2
  }
}
