import type { Watch } from '../ports.ts'

class Watcher<News> implements Watch {
  readonly ready = null
  /** `null` once it was stopped. */
  listener: ((news: News) => void) | null
  readonly #watchers: Watchers<News>
  readonly #key: string

  constructor(watchers: Watchers<News>, key: string, listener: (news: News) => void) {
    this.#watchers = watchers
    this.#key = key
    this.listener = listener
  }

  stop(): void {
    this.listener = null
    this.#watchers.remove(this.#key, this)
  }
}

/** Listeners by key. They are called directly after the current task. */
export class Watchers<News> {
  /** Most keys have one listener: a set for each would take more memory than all the rest of an idle session. */
  readonly #watchers = new Map<string, Watcher<News> | Set<Watcher<News>>>()
  readonly #supersedes: (news: News, before: News) => boolean
  #keys: string[] = []
  #news: News[] = []

  /** @param supersedes whether `before` need not be announced if `news` follows it */
  constructor(supersedes: (news: News, before: News) => boolean) {
    this.#supersedes = supersedes
  }

  watch(key: string, listener: (news: News) => void): Watch {
    const watcher = new Watcher(this, key, listener)
    const others = this.#watchers.get(key)
    if (others instanceof Set) others.add(watcher)
    else this.#watchers.set(key, others ? new Set([others, watcher]) : watcher)
    return watcher
  }

  remove(key: string, watcher: Watcher<News>): void {
    const left = this.#watchers.get(key)
    if (left instanceof Set) left.delete(watcher)
    if (left === watcher || (left instanceof Set && left.size === 0)) this.#watchers.delete(key)
  }

  changed(key: string, news: News): void {
    if (!this.#watchers.has(key)) return
    const last = this.#keys.length - 1
    if (this.#keys[last] === key && this.#supersedes(news, this.#news[last] as News)) {
      this.#news[last] = news
      return
    }
    // Node's `queueMicrotask` costs ten times as much, due to async hooks.
    if (last < 0)
      Promise.resolve()
        .then(() => this.#notify())
        .catch(() => {})
    this.#keys.push(key)
    this.#news.push(news)
  }

  #notify(): void {
    const keys = this.#keys
    const news = this.#news
    this.#keys = []
    this.#news = []
    for (const [index, key] of keys.entries()) {
      const watchers = this.#watchers.get(key)
      if (watchers instanceof Set) for (const watcher of [...watchers]) call(watcher, news[index] as News)
      else if (watchers) call(watchers, news[index] as News)
    }
  }
}

function call<News>({ listener }: Watcher<News>, news: News): void {
  try {
    listener?.(news)
  } catch {
    // A listener's error concerns neither the caller nor the other listeners.
  }
}
