import type { Incoming } from './record.ts'

/** The messages of one session that this node has taken and not handled yet, in order. */
export class TakenMessages {
  #messages: Incoming[] = []
  #next = 0
  /** The number of the last message whose turn has been. */
  handledThrough = 0

  /** The message whose turn is next. */
  get next(): Incoming | undefined {
    return this.#messages[this.#next]
  }

  /** Their numbers are consecutive: each was the last one taken and 1. */
  has(n: number): boolean {
    const { next } = this
    return next !== undefined && n >= next.n && n < next.n + this.#messages.length - this.#next
  }

  add(messages: Incoming[]): void {
    if (this.#messages.length === 0) this.#messages = messages
    else for (const message of messages) this.#messages.push(message)
  }

  /** The turn of the next one is over: whatever follows it is next. */
  pass(): void {
    this.handledThrough = this.next?.n ?? this.handledThrough
    this.#next += 1
    if (this.#next < this.#messages.length) return
    this.clear()
  }

  /** Takes out all that were not handled. */
  clear(): readonly Incoming[] {
    const rest = this.#messages.slice(this.#next)
    this.#messages = []
    this.#next = 0
    return rest
  }
}
