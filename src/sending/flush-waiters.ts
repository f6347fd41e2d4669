interface Waiter {
  readonly n: number
  resolve(): void
  reject(error: Error): void
}

/** The pending `flushed()` calls. */
export class FlushWaiters {
  #waiters: Waiter[] = []

  get isEmpty(): boolean {
    return !this.#waiters.length
  }

  /** Resolves when everything up to the n-th message is settled. */
  add(n: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ n, resolve, reject })
    })
  }

  settle(through: number): void {
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ n }) => n > through)
    for (const { n, resolve } of waiters) if (n <= through) resolve()
  }

  refuse(): void {
    for (const { reject } of this.#waiters.splice(0)) reject(new Error('RealtimeClient: it was closed before all was sent.'))
  }
}
