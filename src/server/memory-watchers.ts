interface Watcher {
  /** `null` once it has been stopped. */
  listener: (() => void) | null
}

/** Who wants to hear of changes of what. However many changes there are in one task, each listener is called once, right behind it. */
export class Watchers {
  /** Most are alone: a set for each would cost an idle session more than all the rest. */
  readonly #watchers = new Map<string, Watcher | Set<Watcher>>()
  #changed = new Set<string>()

  /** Returns the way to stop; after it the listener is not called any more. */
  watch(key: string, listener: () => void): () => void {
    const watcher: Watcher = { listener }
    const others = this.#watchers.get(key)
    if (others instanceof Set) others.add(watcher)
    else this.#watchers.set(key, others ? new Set([others, watcher]) : watcher)
    return () => {
      watcher.listener = null
      const left = this.#watchers.get(key)
      if (left instanceof Set) left.delete(watcher)
      if (left === watcher || (left instanceof Set && left.size === 0)) this.#watchers.delete(key)
    }
  }

  changed(key: string): void {
    if (!this.#watchers.has(key)) return
    if (this.#changed.size === 0) queueMicrotask(() => this.#tell())
    this.#changed.add(key)
  }

  #tell(): void {
    const keys = this.#changed
    this.#changed = new Set()
    for (const key of keys) {
      const watchers = this.#watchers.get(key)
      if (watchers instanceof Set) for (const watcher of [...watchers]) call(watcher)
      else if (watchers) call(watchers)
    }
  }
}

function call({ listener }: Watcher): void {
  try {
    listener?.()
  } catch {
    // Whoever appended has nothing to do with it, and the other listeners neither.
  }
}
