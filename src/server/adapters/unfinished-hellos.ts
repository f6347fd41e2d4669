/** The reader of a body whose hello has not arrived completely. */
interface UnfinishedHello {
  /** Stops waiting for the rest of the hello. */
  giveUp(): void
}

/**
 * Counts the bytes of incomplete hellos. Their senders are unknown, so one limit applies to all of them together; beyond it the
 * oldest hello is given up. A steadfast client sends its hello in one piece, so it is hardly ever counted.
 */
export class UnfinishedHellos {
  readonly #maxBytes: number
  readonly #lengths = new Map<UnfinishedHello, number>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  put(reader: UnfinishedHello, length: number): void {
    this.#bytes += length - (this.#lengths.get(reader) ?? 0)
    this.#lengths.set(reader, length)
    for (const oldest of this.#lengths.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.remove(oldest)
      oldest.giveUp()
    }
  }

  remove(reader: UnfinishedHello): void {
    this.#bytes -= this.#lengths.get(reader) ?? 0
    this.#lengths.delete(reader)
  }
}
