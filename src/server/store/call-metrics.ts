/** The calls of one method of the store. */
export interface StoreCallMetrics {
  readonly count: number
  /** Calls that failed, or were not answered in time. */
  readonly failed: number
  /** The time of all calls that were answered, in milliseconds. */
  readonly totalMs: number
  /** The longest of them, in milliseconds. */
  readonly maxMs: number
}

/** Counts the calls of the store and their time. */
export class CallMetrics {
  readonly #methods = new Map<string, { count: number; failed: number; totalMs: number; maxMs: number }>()

  answered(method: string, ms: number): void {
    const metrics = this.#of(method)
    metrics.count += 1
    metrics.totalMs += ms
    metrics.maxMs = Math.max(metrics.maxMs, ms)
  }

  failed(method: string): void {
    const metrics = this.#of(method)
    metrics.count += 1
    metrics.failed += 1
  }

  snapshot(): Readonly<Record<string, StoreCallMetrics>> {
    return Object.fromEntries([...this.#methods].map(([method, metrics]) => [method, { ...metrics }]))
  }

  #of(method: string) {
    let metrics = this.#methods.get(method)
    if (!metrics) {
      metrics = { count: 0, failed: 0, totalMs: 0, maxMs: 0 }
      this.#methods.set(method, metrics)
    }
    return metrics
  }
}
