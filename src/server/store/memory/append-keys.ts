/** How long a second append under the same key is ignored, in milliseconds. */
const windowMs = 120_000
/** The largest number of keys; beyond it the oldest is evicted before its time. */
const maxKeys = 100_000

interface Known<Topic> {
  readonly topic: Topic
  readonly offset: number
  readonly at: number
}

/** The keys of recently appended messages. */
export class AppendKeys<Topic extends { readonly name: string }> {
  readonly #known = new Map<string, Known<Topic>>()

  /** The offset of the message that was appended to this topic under the key, if there is one. */
  get(topic: Topic, key: string, now: number): number | undefined {
    const known = this.#known.get(nameOf(topic, key))
    return known?.topic === topic && now - known.at < windowMs ? known.offset : undefined
  }

  add(topic: Topic, key: string, offset: number, at: number): void {
    const name = nameOf(topic, key)
    // Deleted and set again, it becomes the last in the map's order.
    this.#known.delete(name)
    this.#known.set(name, { topic, offset, at })
    for (const [oldest, known] of this.#known) {
      if (this.#known.size <= maxKeys && at - known.at < windowMs) return
      this.#known.delete(oldest)
    }
  }
}

function nameOf({ name }: { readonly name: string }, key: string): string {
  return `${name.length} ${name}${key}`
}
