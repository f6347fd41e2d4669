/** The stores that have opened a session, the last one first. */
export class StoreHistory {
  #stores: readonly string[] = []
  /** Whether one of them opened it again after another: then two servers do not share a store. */
  isDivided = false

  get text(): string {
    return this.#stores.join()
  }

  get list(): readonly string[] {
    return this.#stores
  }

  /** Continues the history of a former client. */
  restore(stores: readonly string[]): void {
    this.#stores = stores
  }

  opened(store: string): void {
    this.isDivided ||= this.#stores.indexOf(store) > 0
    this.#stores = [store, ...this.#stores.filter((other) => other !== store)].slice(0, 4)
  }
}
