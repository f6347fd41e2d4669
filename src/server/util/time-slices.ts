import type { ServerHost } from '../node/host.ts'

/** How long a node continues long-running work before it yields to the event loop, in milliseconds. */
const sliceMs = 20

/**
 * Shares the event loop among all long-running work of a node: together it runs for one slice, then all other pending events get their
 * turn. Short work runs at once, without waiting for a slice.
 */
export class TimeSlices {
  readonly #host: ServerHost
  readonly #waiting: (() => void)[] = []
  /** When the current slice began. */
  #startedAt = 0
  /** Cancels the timer of the next slice; `null` if there is none. */
  #cancelNext: (() => void) | null = null
  #isStopped = false

  constructor(host: ServerHost) {
    this.#host = host
  }

  /** Whether the slice is over, so that the caller has to await `next`. Long-running work checks this every few steps. */
  isOver(): boolean {
    const now = this.#host.elapsedMs()
    if (!this.#cancelNext) {
      this.#startedAt = now
      this.#schedule()
    }
    return now - this.#startedAt >= sliceMs
  }

  /** Resolves at the start of a slice, in the order of the calls. After `stop` it resolves at once. */
  next(): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelNext?.()
    for (const resume of this.#waiting.splice(0)) resume()
  }

  #schedule(): void {
    if (!this.#isStopped) this.#cancelNext ??= this.#host.after(0, () => this.#begin())
  }

  #begin(): void {
    this.#cancelNext = null
    const resume = this.#waiting.shift()
    if (!resume) return
    this.#startedAt = this.#host.elapsedMs()
    this.#schedule()
    resume()
  }
}
