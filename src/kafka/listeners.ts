import type { TopicNews } from '../server/store/ports.ts'

export type TopicListener = (news: TopicNews | null) => void

/** The listeners of each topic. */
export class TopicListeners {
  readonly #byTopic = new Map<string, Set<{ readonly listener: TopicListener }>>()

  /** Returns a function that removes the listener, which is not called after that. */
  add(topic: string, listener: TopicListener): () => void {
    const watcher = { listener }
    const watchers = this.#byTopic.get(topic) ?? new Set()
    this.#byTopic.set(topic, watchers.add(watcher))
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#byTopic.get(topic) === watchers) this.#byTopic.delete(topic)
    }
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  notify(topic: string, news: TopicNews | null): void {
    const watchers = this.#byTopic.get(topic)
    for (const watcher of [...(watchers ?? [])]) {
      try {
        // A listener that was called before may have removed this one.
        if (watchers?.has(watcher)) watcher.listener(news)
      } catch {
        // A listener's error concerns neither the log nor the other listeners.
      }
    }
  }

  /** Tells all listeners that messages may have been missed. */
  notifyAll(): void {
    for (const topic of [...this.#byTopic.keys()]) this.notify(topic, null)
  }

  clear(): void {
    for (const watchers of this.#byTopic.values()) watchers.clear()
    this.#byTopic.clear()
  }
}
