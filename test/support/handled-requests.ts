/** The requests that the handlers of a test have seen. A repeat must be marked as redelivered (rule 2). */
export class HandledRequests {
  readonly #times = new Map<string, number>()
  /** The requests that were handled again without the mark. */
  readonly unmarked: string[] = []

  /** How many different requests were handled. */
  get size(): number {
    return this.#times.size
  }

  /** A handler runs for this request; returns how often one has. */
  handle(text: string, redelivered: boolean): number {
    const times = (this.#times.get(text) ?? 0) + 1
    this.#times.set(text, times)
    if (times > 1 && !redelivered) this.unmarked.push(text)
    return times
  }
}
