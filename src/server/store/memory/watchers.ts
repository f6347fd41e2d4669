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

const afterTask = Promise.resolve()
const ignore = (): void => {}

interface Change<News> {
  readonly key: string
  news: News
}

/** Listeners by key. They are called directly after the current task. */
export class Watchers<News> {
  /** Most keys have one listener: a set for each would take more memory than all the rest of an idle session. */
  readonly #watchers = new Map<string, Watcher<News> | Set<Watcher<News>>>()
  readonly #supersedes: (news: News, before: News) => boolean
  /** Changes that are announced after the current task; `null` if there are none. */
  #changes: Change<News>[] | null = null

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
    const change = { key, news }
    if (!this.#changes) {
      // Most tasks change one key: an array that is created with its element takes a tenth of the memory.
      this.#changes = [change]
      // Node's `queueMicrotask` costs ten times as much, due to async hooks.
      afterTask.then(this.#notify).catch(ignore)
      return
    }
    const last = this.#changes.at(-1)
    if (last?.key === key && this.#supersedes(news, last.news)) last.news = news
    else this.#changes.push(change)
  }

  readonly #notify = (): void => {
    const changes = this.#changes ?? []
    this.#changes = null
    for (const { key, news } of changes) {
      const watchers = this.#watchers.get(key)
      if (watchers instanceof Set) for (const watcher of [...watchers]) call(watcher, news)
      else if (watchers) call(watchers, news)
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
