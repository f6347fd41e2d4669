import type { ServerHost } from '../node/host.ts'

/**
 * The current iteration of the event loop: numbers it, and defers work to its end, when all events at hand have been handled. However
 * much asks for either, it takes one `setImmediate` per iteration.
 */
export class LoopIteration {
  readonly #host: ServerHost
  #number = 0
  #deferred: (() => void)[] = []
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(host: ServerHost) {
    this.#host = host
  }

  /** The same number until the iteration ends. */
  get number(): number {
    this.#arm()
    return this.#number
  }

  /** Runs it at the end of the iteration. After `stop` it never runs. */
  defer(run: () => void): void {
    this.#deferred.push(run)
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#deferred = []
  }

  #arm(): void {
    if (!this.#isStopped) this.#cancel ??= this.#host.after(0, () => this.#end())
  }

  #end(): void {
    const deferred = this.#deferred
    this.#deferred = []
    this.#cancel = null
    this.#number += 1
    for (const run of deferred) {
      try {
        run()
      } catch (error) {
        this.#host.report(error)
      }
    }
  }
}
