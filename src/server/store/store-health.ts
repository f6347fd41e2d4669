/**
 * A call of the store failed or timed out; it may have succeeded all the same. `cause` is the store's error. A handler that
 * rejects with this error runs again.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** Whether the store answers. One outage is reported as one error, however many calls fail in it. */
export class StoreHealth {
  readonly #report: (error: Error) => void
  #outage: Error | null = null

  constructor(report: (error: Error) => void) {
    this.#report = report
  }

  /** Why the store counts as not available; `null` if it answers. */
  get outage(): Error | null {
    return this.#outage
  }

  answered(): void {
    this.#outage = null
  }

  /** Records a failed call. Returns the error for its caller. */
  failed(method: string, error: unknown): unknown {
    // The store has answered: the call itself is invalid.
    if (error instanceof RangeError || error instanceof TypeError) return error
    const reason = error instanceof Error ? error.message : String(error)
    const failure = new StoreUnavailableError(`RealtimeServer: the store failed in ${method}(): ${reason}`, { cause: error })
    if (this.#outage) return failure
    this.#outage = failure
    const message = `RealtimeServer: the store is not available, so clients are refused with 4503 until it is back; ${method}() failed: ${reason}`
    this.#report(new Error(message, { cause: error }))
    return failure
  }
}
