import type { Incoming } from './record.ts'

/** The messages of one session that this node has taken and not handled yet, in order. */
export class TakenMessages {
  #messages: Incoming[] = []
  #next = 0
  /** The number of the last message whose handler was called. */
  handledThrough = 0

  /** The next message to handle. */
  get next(): Incoming | undefined {
    return this.#messages[this.#next]
  }

  /** Numbers are consecutive: each message follows the last one taken. */
  has(n: number): boolean {
    const { next } = this
    return next !== undefined && n >= next.n && n < next.n + this.#messages.length - this.#next
  }

  add(messages: Incoming[]): void {
    if (this.#messages.length === 0) this.#messages = messages
    else for (const message of messages) this.#messages.push(message)
  }

  /** Moves on to the next message. */
  pass(): void {
    this.handledThrough = this.next?.n ?? this.handledThrough
    this.#next += 1
    if (this.#next < this.#messages.length) return
    this.clear()
  }

  /** Removes and returns all messages that were not handled. */
  clear(): readonly Incoming[] {
    const rest = this.#messages.slice(this.#next)
    this.#messages = []
    this.#next = 0
    return rest
  }
}
