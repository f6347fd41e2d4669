import type { NodeContext } from '../node/node-context.ts'

/** When the answer to a poll is complete: as soon as it has something to say, or when its time is over. */
export class HeldAnswer {
  readonly #node: NodeContext
  /** Until when it is held without news, by the node's own time. */
  #until = 0
  #hasNews = false
  #cancel: (() => void) | null = null

  /** @param wait for how long the client lets it be held, in milliseconds */
  constructor(node: NodeContext, wait: number | undefined) {
    this.#node = node
    if (wait) this.#until = node.elapsedMs() + Math.min(wait, node.settings.heartbeatMs)
  }

  /** Whether it is to be sent. */
  get isDue(): boolean {
    return this.#hasNews || this.#node.elapsedMs() >= this.#until
  }

  /** The frames written so far are no news. `expired` is called when the time is over, at the latest in `mostMs` from now. */
  hold(mostMs: number, expired: () => void): void {
    const now = this.#node.elapsedMs()
    this.#until = Math.min(this.#until, now + mostMs)
    this.#hasNews = false
    if (this.#until > now) this.#cancel = this.#node.host.after(this.#until - now, expired)
  }

  wrote(): void {
    this.#hasNews = true
  }

  stop(): void {
    this.#cancel?.()
  }
}
