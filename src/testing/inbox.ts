interface Waiter<Item> {
  readonly isWanted: (item: Item) => boolean
  readonly resolve: (item: Item) => void
  readonly reject: (error: Error) => void
}

/** What came and has not been read yet, with those who wait for it. No timer is involved: the runner's own limit ends a test that waits in vain. */
export class Inbox<Item> {
  readonly #name: string
  readonly #seen: () => string
  #unread: Item[] = []
  readonly #waiters = new Map<object, Waiter<Item>>()
  #isClosed = false

  /** @param seen says what did happen, for the error of who waited in vain */
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

  /** The first that is wanted and unread, or the next one that comes. One `owner` waits for one at a time. */
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
    // Who awaits it is told; one that nobody awaits any more is told of by close().
    waiting.catch(() => {})
    return waiting
  }

  /** Takes all that is unread. */
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
      reject(new Error(`FakeServer: ${this.#name} waited in vain until close(); ${this.#seen()}.`))
  }
}
