/** So many bytes in all, and so many for each of those who share them: one cannot take what the others need. */
export class ByteBudget {
  readonly #maxInAll: number
  readonly #maxEach: number
  readonly #each = new Map<string, number>()
  #inAll = 0

  constructor(maxInAll: number, maxEach: number) {
    this.#maxInAll = maxInAll
    this.#maxEach = maxEach
  }

  /** A share for somebody who goes by these names, all of which are charged. */
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

/** What one request holds of a budget, until it is released. */
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

  /** Takes more, if there is room for it. */
  take(bytes: number): boolean {
    if (!this.#budget.hasRoom(this.#names, bytes)) return false
    this.charge(bytes)
    return true
  }

  /** Takes more even if there is no room, for what cannot be refused any more. */
  charge(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(this.#names, bytes)
  }

  release(): void {
    this.#budget.add(this.#names, -this.#bytes)
    this.#bytes = 0
  }
}
