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

  /** Counts one more carrier; returns a function that stops counting it, or `null` if there are too many. */
  enter(session: string): (() => void) | null {
    const count = this.#counts.get(session) ?? 0
    if (count >= this.#maxEach) return null
    this.#counts.set(session, count + 1)
    let isLeft = false
    return () => {
      if (isLeft) return
      isLeft = true
      const left = (this.#counts.get(session) ?? 1) - 1
      if (left > 0) this.#counts.set(session, left)
      else this.#counts.delete(session)
    }
  }
}
