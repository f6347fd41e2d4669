import { StoreUnavailableError } from '../store/store-health.ts'

/** The shortest pause before a handler runs again, in milliseconds: the node's tick makes it somewhat longer. */
const pauseMs = 200

/** The node on which the handler runs. */
interface RetryingNode {
  readonly settings: { readonly resumeWindowMs: number }
  /** The node's monotonic time, in milliseconds. */
  elapsedMs(): number
}

/**
 * Decides whether and when a failed handler runs again. It does if the store was not available, as it would if the node had died
 * while it ran, and no longer than a client may be away. Other errors are the application's own, and would recur.
 */
export class HandlerRetries {
  readonly #node: RetryingNode
  readonly #until: number
  #nextAt = 0

  constructor(node: RetryingNode) {
    this.#node = node
    this.#until = node.elapsedMs() + node.settings.resumeWindowMs
  }

  /** Returns `null` if the failed handler runs again, or else the error to report: then the handler counts as done. */
  failed(error: unknown): { readonly error: unknown } | null {
    if (!(error instanceof StoreUnavailableError)) return { error }
    const now = this.#node.elapsedMs()
    this.#nextAt = now + pauseMs
    if (now < this.#until) return null
    const triedMs = this.#node.settings.resumeWindowMs
    const message = `RealtimeServer: a handler was run again for ${triedMs} ms because the store was not available; it counts as done now.`
    return { error: new Error(message, { cause: error }) }
  }

  /** Whether it is too early to run the handler again. */
  get isPausing(): boolean {
    return this.#node.elapsedMs() < this.#nextAt
  }
}
