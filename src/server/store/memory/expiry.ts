import { LazyHeap, type Ranked } from './heap.ts'

/** An item with an expiry time, which is its rank. */
export interface Expiring extends Ranked {
  rank: number
}

/** Finds expired items without scanning the others. */
export class Expiry<Item extends Expiring> extends LazyHeap<Item> {
  move(item: Item, expiresAt: number): void {
    item.rank = expiresAt
    this.lowered(item)
  }

  /** The expired items, the oldest first. An item stays until it is removed or moved. */
  due(now: number, limit: number): Item[] {
    const due: Item[] = []
    for (let first = this.first(now); first && due.length < limit; first = this.first(now)) {
      this.remove(first)
      due.push(first)
    }
    for (const item of due) this.add(item)
    return due
  }
}
