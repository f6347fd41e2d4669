const maxGraceMs = 120_000
const slowestBytesPerMs = 10
const answerMs = 3000

/** How much longer than usual silence is nothing unusual: what is under way may take its time on a slow link (rule 7). */
export class Grace {
  /** Bytes that the server has said are on their way. */
  comingBytes = 0
  #factor = 1
  /** Whether anything was taken or acknowledged since the last attachment opened. */
  #hasProgressed = false

  /** @param bytesUnderWay what was sent and may not have arrived */
  ms(bytesUnderWay: number): number {
    const bytes = bytesUnderWay + this.comingBytes
    return Math.min(maxGraceMs, bytes / slowestBytesPerMs + answerMs * (this.#factor - 1))
  }

  /** The server has said how much is on its way, or that something is. */
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

  /** An attachment ended by silence: if nothing had come of it, the next one is given twice the time. */
  fellSilent(): void {
    if (!this.#hasProgressed) this.#factor *= 2
  }
}
