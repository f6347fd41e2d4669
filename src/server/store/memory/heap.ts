/** An item that has a rank. */
export interface Ranked {
  readonly rank: number
  /** The rank by which it is ordered in the heap, never above `rank`. */
  queuedRank: number
  /** Its index in the heap. */
  place: number
}

/**
 * Finds the item of the lowest rank without scanning the others. Ranks rise often and are seldom compared, so a rise costs
 * nothing until the item reaches the front by its old rank.
 */
export class LazyHeap<Item extends Ranked> {
  readonly #heap: Item[] = []

  get isEmpty(): boolean {
    return this.#heap.length === 0
  }

  add(item: Item): void {
    item.queuedRank = item.rank
    this.#rise(item, this.#heap.push(item) - 1)
  }

  /** The caller calls this when an item's rank may be lower than before. */
  lowered(item: Item): void {
    const { rank } = item
    if (rank >= item.queuedRank) return
    item.queuedRank = rank
    this.#rise(item, item.place)
  }

  remove(item: Item): void {
    const last = this.#heap.pop()
    if (!last || last === item) return
    this.#put(last, item.place)
  }

  /** The item of the lowest rank, if that is at most `most`. It stays in the heap. */
  first(most: number): Item | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (!first || first.queuedRank > most) return undefined
      if (first.rank === first.queuedRank) return first
      first.queuedRank = first.rank
      this.#sink(first, 0)
    }
  }

  /** Puts an item at a place in the heap. */
  #put(item: Item, place: number): void {
    this.#rise(item, place)
    if (item.place === place) this.#sink(item, place)
  }

  #rise(item: Item, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#heap[above]
      if (!parent || parent.queuedRank <= item.queuedRank) break
      this.#set(parent, place)
      place = above
    }
    this.#set(item, place)
  }

  #sink(item: Item, from: number): void {
    let place = from
    for (;;) {
      const left = this.#heap[2 * place + 1]
      const right = this.#heap[2 * place + 2]
      const child = left && right && right.queuedRank < left.queuedRank ? right : left
      if (!child || child.queuedRank >= item.queuedRank) break
      const below = child.place
      this.#set(child, place)
      place = below
    }
    this.#set(item, place)
  }

  #set(item: Item, place: number): void {
    this.#heap[place] = item
    item.place = place
  }
}
