import type { ServerHost } from '../node/host.ts'

/** For so long at a time a node goes on with what is long. */
const sliceMs = 20

/**
 * Shares the event loop between all that takes long on a node: together it goes on for a slice, then everything else that
 * waits has its turn. What is short is done at once, and never asks.
 */
export class TimeSlices {
  readonly #host: ServerHost
  readonly #waiting: (() => void)[] = []
  /** When the slice began that is running now. */
  #startedAt = 0
  /** Ends the slice: cancels what begins the next one. */
  #cancelNext: (() => void) | null = null
  #isStopped = false

  constructor(host: ServerHost) {
    this.#host = host
  }

  /** Whether the slice is over, so that `next` is to be awaited. To be asked every few steps by what may take long. */
  isOver(): boolean {
    const now = this.#host.elapsedMs()
    if (!this.#cancelNext) {
      this.#startedAt = now
      this.#schedule()
    }
    return now - this.#startedAt >= sliceMs
  }

  /** Resolves at the beginning of a slice; who waits longest is first. After `stop` it resolves at once. */
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
