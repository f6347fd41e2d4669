import type { ServerHost } from '../node/host.ts'

/**
 * A call of the store failed or timed out; it may have succeeded all the same. `cause` is the store's error. A handler that
 * rejects with this error runs again.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** How long the store must work without a failure before the next one is reported, in milliseconds. */
const quietMs = 30_000

/** How long a store that had failed before may answer nothing until a failure counts as an outage, in milliseconds. */
const silenceMs = 2000

export interface FailedCall {
  /** The error for the caller. */
  readonly error: unknown
  /** The error for `onError`; `null` if the failure belongs to those reported already. */
  readonly report: Error | null
}

/**
 * Whether the store answers. Its failures are reported once, and again only after it has worked for a while:
 * if a Redis whose memory is full refuses writes and answers reads, each of them would seem to end an outage.
 */
export class StoreHealth {
  #outage: Error | null = null
  #failedAt = -Infinity
  #answeredAt = -Infinity

  /** Why the store counts as not available; `null` if it answers. */
  get outage(): Error | null {
    return this.#outage
  }

  answered(now: number): void {
    this.#outage = null
    this.#answeredAt = now
  }

  failed(method: string, cause: unknown, now: number): FailedCall {
    // The store has answered: the call itself is invalid.
    if (cause instanceof RangeError || cause instanceof TypeError) return { error: cause, report: null }
    const reason = cause instanceof Error ? cause.message : String(cause)
    const error = new StoreUnavailableError(`RealtimeServer: the store failed in ${method}(): ${reason}`, { cause })
    const isNew = !this.#outage && now - this.#failedAt > quietMs
    this.#failedAt = now
    if (isNew || now - this.#answeredAt >= silenceMs) this.#outage ??= error
    const message = `RealtimeServer: the store is not available, so clients are refused with 4503 until it is back; ${method}() failed: ${reason}`
    return { error, report: isNew ? new Error(message, { cause }) : null }
  }
}

/** An outage of the store is reported once, by `BoundedCalls`: drops the errors of the calls that fail during it. */
export function reportingOutagesOnce(host: ServerHost): ServerHost {
  return {
    now: () => host.now(),
    elapsedMs: () => host.elapsedMs(),
    after: (delayMs, run) => host.after(delayMs, run),
    random: () => host.random(),
    randomId: () => host.randomId(),
    report(error) {
      if (!(error instanceof StoreUnavailableError)) host.report(error)
    },
  }
}
