/**
 * How many carriers each session has on this node, of any kind: from before anybody knows the session until the socket is
 * gone or has taken the answer.
 */
export class CarrierCount {
  readonly #maxEach: number
  readonly #counts = new Map<string, number>()

  constructor(maxEach: number) {
    this.#maxEach = maxEach
  }

  /** Counts one more, and returns how to count it no longer; `null` if there are too many. */
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
