/**
 * Holds an acknowledgment back until the answers to what it acknowledges have been taken (docs/PROTOCOL.md, rule 21): so the answer to a
 * call comes before its acknowledgment, on whatever way that has come.
 */
export class HeldAck {
  #n = 0
  #answeredAt = 0

  hold(n: number, answeredAt: number): void {
    if (n < this.#n) return
    this.#n = n
    this.#answeredAt = answeredAt
  }

  /** Stream 0 has been taken up to here; returns what counts as acknowledged now, 0 for nothing. */
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
