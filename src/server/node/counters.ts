/** The counters of one node. */
export class Counters {
  messagesHandled = 0
  messagesSent = 0
  messagesPublished = 0
  gaps = 0
  readonly #refusals = new Map<number, number>()

  refused(code: number): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
  }

  get refusals(): Readonly<Record<number, number>> {
    return Object.fromEntries(this.#refusals)
  }
}
