/**
 * Counts the carriers, of any kind, that each session has on this node: from before the session is looked up until the socket is
 * closed or has accepted the answer.
 */
export class CarrierCount {
  readonly #maxEach: number
  readonly #counts = new Map<string, number>()

  constructor(maxEach: number) {
    this.#maxEach = maxEach
  }

  /** Counts one more carrier, unless there are too many; the caller calls `leave` once, when it is gone. */
  enter(session: string): boolean {
    const count = this.#counts.get(session) ?? 0
    if (count >= this.#maxEach) return false
    this.#counts.set(session, count + 1)
    return true
  }

  leave(session: string): void {
    const left = (this.#counts.get(session) ?? 1) - 1
    if (left > 0) this.#counts.set(session, left)
    else this.#counts.delete(session)
  }
}
