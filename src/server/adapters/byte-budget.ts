/** A limit on bytes in total, and on each client's share of them: one client cannot use up what the others need. */
export class ByteBudget {
  readonly #maxInAll: number
  readonly #maxEach: number
  readonly #each = new Map<string, number>()
  #inAll = 0

  constructor(maxInAll: number, maxEach: number) {
    this.#maxInAll = maxInAll
    this.#maxEach = maxEach
  }

  /** A share for the client with these names; every name is charged. */
  share(names: readonly string[]): Share {
    return new Share(this, names)
  }

  hasRoom(names: readonly string[], bytes = 1): boolean {
    return this.#inAll + bytes <= this.#maxInAll && names.every((name) => (this.#each.get(name) ?? 0) + bytes <= this.#maxEach)
  }

  add(names: readonly string[], bytes: number): void {
    this.#inAll += bytes
    for (const name of names) {
      const left = (this.#each.get(name) ?? 0) + bytes
      if (left > 0) this.#each.set(name, left)
      else this.#each.delete(name)
    }
  }
}

/** The bytes that one request holds of a budget, until they are released. */
export class Share {
  readonly #budget: ByteBudget
  readonly #names: readonly string[]
  #bytes = 0

  constructor(budget: ByteBudget, names: readonly string[]) {
    this.#budget = budget
    this.#names = names
  }

  get hasRoom(): boolean {
    return this.#budget.hasRoom(this.#names)
  }

  /** Charges more bytes if there is room; returns whether there was. */
  take(bytes: number): boolean {
    if (!this.#budget.hasRoom(this.#names, bytes)) return false
    this.charge(bytes)
    return true
  }

  /** Charges more bytes even without room, for data that can no longer be refused. */
  charge(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(this.#names, bytes)
  }

  release(): void {
    this.#budget.add(this.#names, -this.#bytes)
    this.#bytes = 0
  }
}
