/** A first-in, first-out queue whose first item is removed in constant time. */
export class Queue<Item> {
  #items: Item[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** Returns at most `count` items from the front, without removing them. */
  peek(count: number): Item[] {
    return this.#items.slice(this.#head, this.#head + count)
  }

  drop(count: number): void {
    this.#head = Math.min(this.#head + count, this.#items.length)
    if (this.#head * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
