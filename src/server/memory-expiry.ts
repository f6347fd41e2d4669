/** Something that ends at a time. */
export interface Expiring {
  expiresAt: number
  /** The time by which it stands in the heap, never after `expiresAt`. */
  queuedAt: number
  /** Its index in the heap. */
  place: number
}

/**
 * Finds what has expired without looking at the rest: a heap by time. Expiries are put off all the time and seldom come, so
 * that putting one off costs nothing until its old time has come.
 */
export class Expiry<Item extends Expiring> {
  readonly #heap: Item[] = []

  add(item: Item): void {
    item.queuedAt = item.expiresAt
    this.#rise(item, this.#heap.push(item) - 1)
  }

  move(item: Item, expiresAt: number): void {
    item.expiresAt = expiresAt
    if (expiresAt >= item.queuedAt) return
    item.queuedAt = expiresAt
    this.#rise(item, item.place)
  }

  remove(item: Item): void {
    const last = this.#heap.pop()
    if (!last || last === item) return
    this.#put(last, item.place)
  }

  /** What has expired, the oldest first. It stays until it is removed or moved. */
  due(now: number, limit: number): Item[] {
    const due: Item[] = []
    for (let first = this.#heap[0]; first && first.queuedAt <= now && due.length < limit; first = this.#heap[0]) {
      this.remove(first)
      if (first.expiresAt > first.queuedAt) this.add(first)
      else due.push(first)
    }
    for (const item of due) this.add(item)
    return due
  }

  /** Puts an item where another was. */
  #put(item: Item, place: number): void {
    this.#rise(item, place)
    if (item.place === place) this.#sink(item, place)
  }

  #rise(item: Item, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#heap[above]
      if (!parent || parent.queuedAt <= item.queuedAt) break
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
      const child = left && right && right.queuedAt < left.queuedAt ? right : left
      if (!child || child.queuedAt >= item.queuedAt) break
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
