interface Waiter<Item> {
  readonly isWanted: (item: Item) => boolean
  readonly resolve: (item: Item) => void
  readonly reject: (error: Error) => void
}

/** Unread items, and the calls waiting for one. It has no timeout: the test runner's own limit ends a test that waits in vain. */
export class Inbox<Item> {
  readonly #name: string
  readonly #seen: () => string
  #unread: Item[] = []
  readonly #waiters = new Map<object, Waiter<Item>>()
  #isClosed = false

  /** @param seen says what did happen, for the error of a call that waited in vain */
  constructor(name: string, seen: () => string) {
    this.#name = name
    this.#seen = seen
  }

  get unread(): readonly Item[] {
    return this.#unread
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  put(item: Item): void {
    const [owner, waiter] = [...this.#waiters].find(([, { isWanted }]) => isWanted(item)) ?? []
    if (!owner || !waiter) {
      this.#unread.push(item)
      return
    }
    this.#waiters.delete(owner)
    waiter.resolve(item)
  }

  /** Returns the first unread item that is wanted, or the next one that arrives. Each `owner` can have one call pending. */
  next(owner: object, isWanted: (item: Item) => boolean = () => true): Promise<Item> {
    if (this.#isClosed) return Promise.reject(new Error(`FakeServer: ${this.#name} was called after close().`))
    if (this.#waiters.has(owner))
      return Promise.reject(new Error(`FakeServer: ${this.#name} is waiting already; await one call before the next.`))
    const found = this.#unread.find(isWanted)
    if (found !== undefined) {
      this.#unread.splice(this.#unread.indexOf(found), 1)
      return Promise.resolve(found)
    }
    const waiting = new Promise<Item>((resolve, reject) => this.#waiters.set(owner, { isWanted, resolve, reject }))
    // The rejection reaches a caller that awaits it; if none does, it must not count as unhandled.
    waiting.catch(() => {})
    return waiting
  }

  /** Removes and returns all unread items. */
  take(isWanted: (item: Item) => boolean = () => true): Item[] {
    const taken = this.#unread.filter(isWanted)
    this.#unread = this.#unread.filter((item) => !taken.includes(item))
    return taken
  }

  close(): void {
    this.#isClosed = true
    const waiters = [...this.#waiters.values()]
    this.#waiters.clear()
    for (const { reject } of waiters)
      reject(new Error(`FakeServer: ${this.#name} was still pending at close(); ${this.#seen()}.`))
  }
}
