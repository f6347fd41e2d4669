/** An item with a deadline after the common timeout. */
export interface Bounded {
  isOver: boolean
  startedAt: number
  timedOut(): void
}

/** One timer for all calls: since all have the same timeout, the oldest is due first. */
export class Deadlines {
  readonly #timeoutMs: number
  readonly #elapsedMs: () => number
  readonly #after: (delayMs: number, run: () => void) => () => void
  #queue: Bounded[] = []
  #head = 0
  #cancel: (() => void) | null = null

  constructor(timeoutMs: number, elapsedMs: () => number, after: (delayMs: number, run: () => void) => () => void) {
    this.#timeoutMs = timeoutMs
    this.#elapsedMs = elapsedMs
    this.#after = after
  }

  add(item: Bounded): void {
    item.startedAt = this.#elapsedMs()
    this.#dropOver()
    this.#queue.push(item)
    this.#cancel ??= this.#after(this.#timeoutMs, () => this.#ring())
  }

  /** Ends all pending items, as if they had timed out. */
  clear(end: (item: Bounded) => void): void {
    this.#cancel?.()
    this.#cancel = null
    const queue = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    for (const item of queue) if (!item.isOver) end(item)
  }

  #ring(): void {
    this.#cancel = null
    const limit = this.#elapsedMs() - this.#timeoutMs
    for (;;) {
      this.#dropOver()
      const first = this.#queue[this.#head]
      if (!first) return
      if (first.startedAt > limit) {
        this.#cancel = this.#after(Math.max(1, first.startedAt - limit), () => this.#ring())
        return
      }
      this.#head += 1
      first.timedOut()
    }
  }

  #dropOver(): void {
    while (this.#queue[this.#head]?.isOver) this.#head += 1
    if (this.#head < 64 || this.#head * 2 < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#head)
    this.#head = 0
  }
}
