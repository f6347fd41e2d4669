/**
 * Delays an acknowledgment until the answers to the acknowledged messages were read (docs/PROTOCOL.md, rule 21), so that the
 * answer to a call precedes its acknowledgment, whichever attachment each arrives on.
 */
export class HeldAck {
  #n = 0
  #answeredAt = 0

  hold(n: number, answeredAt: number): void {
    if (n < this.#n) return
    this.#n = n
    this.#answeredAt = answeredAt
  }

  /** Stream 0 was read up to `taken`; returns the number that is acknowledged now, or 0. */
  release(taken: number): number {
    if (!this.#n || taken < this.#answeredAt) return 0
    const n = this.#n
    this.drop()
    return n
  }

  drop(): void {
    this.#n = 0
  }
}
