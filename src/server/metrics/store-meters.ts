/** The upper bounds of the histogram's buckets, in milliseconds; the last bucket has no bound. */
export const boundsMs: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 3000]

/** The calls of one method of the store. */
export interface StoreCalls {
  /** Calls that were answered, failed or expired. */
  readonly calls: number
  /** Those of them that failed or exceeded `storeTimeoutMs`. */
  readonly errors: number
  /** Their total duration, in milliseconds. */
  readonly totalMs: number
  /** The calls that took at most `leMs` milliseconds; buckets are cumulative, and the last bound is `Infinity`. */
  readonly buckets: readonly { readonly leMs: number; readonly calls: number }[]
}

/** Counts the calls of one method. */
export class StoreMeter {
  #errors = 0
  #totalMs = 0
  readonly #counts: number[] = Array.from({ length: boundsMs.length + 1 }, () => 0)

  answered(ms: number): void {
    let bucket = 0
    while (ms > (boundsMs[bucket] ?? Infinity)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#totalMs += ms
  }

  failed(ms: number): void {
    this.#errors += 1
    this.answered(ms)
  }

  read(): StoreCalls {
    let calls = 0
    const buckets = this.#counts.map((count, index) => {
      calls += count
      return { leMs: boundsMs[index] ?? Infinity, calls }
    })
    return { calls, errors: this.#errors, totalMs: this.#totalMs, buckets }
  }
}

/** The meters of the methods of one port. */
export class MethodMeters {
  readonly #meters = new Map<string, StoreMeter>()

  of(method: string): StoreMeter {
    let meter = this.#meters.get(method)
    if (!meter) {
      meter = new StoreMeter()
      this.#meters.set(method, meter)
    }
    return meter
  }

  read(port: string): readonly (readonly [method: string, calls: StoreCalls])[] {
    return [...this.#meters].map(([method, meter]) => [`${port}.${method}`, meter.read()])
  }
}
