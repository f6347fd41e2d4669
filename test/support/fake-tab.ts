import type { Host, PageSignal, TabStorage } from '../../src/api/host.ts'

/** The locks of one browser, over all its tabs. */
export class FakeLocks {
  readonly #queues = new Map<string, (() => void)[]>()

  get held(): number {
    return this.#queues.size
  }

  take(name: string, withinMs: number): Promise<(() => void) | null> {
    const queue = this.#queues.get(name)
    return new Promise((resolve) => {
      if (!queue) {
        this.#queues.set(name, [])
        resolve(() => this.#free(name))
        return
      }
      const grant = () => {
        clearTimeout(timer)
        resolve(() => this.#free(name))
      }
      queue.push(grant)
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(grant), 1)
        resolve(null)
      }, withinMs)
    })
  }

  #free(name: string): void {
    const next = this.#queues.get(name)?.shift()
    if (next) next()
    else this.#queues.delete(name)
  }
}

/** The storage of one tab; `locks` are those of its browser, `null` where it has none. */
export class FakeTab {
  readonly items: Map<string, string>
  /** Its capacity, in UTF-16 code units. */
  quota = Infinity
  writes = 0
  readonly #locks: FakeLocks | null

  constructor(locks: FakeLocks | null = new FakeLocks(), items: ReadonlyMap<string, string> = new Map()) {
    this.#locks = locks
    this.items = new Map(items)
  }

  /** The storage of a duplicate of this tab. */
  copy(): FakeTab {
    return new FakeTab(this.#locks, this.items)
  }

  /** The only item in it. */
  get text(): string | undefined {
    return [...this.items.values()][0]
  }

  page(): FakePage {
    return new FakePage(this, this.#locks)
  }
}

/** One page of a tab, as far as its client can tell. */
export class FakePage {
  readonly #tab: FakeTab
  readonly #locks: FakeLocks | null
  readonly #listeners = new Set<Parameters<Host['listen']>[0]>()
  readonly #releases = new Set<() => void>()
  #isDead = false

  constructor(tab: FakeTab, locks: FakeLocks | null) {
    this.#tab = tab
    this.#locks = locks
  }

  get listening(): number {
    return this.#listeners.size
  }

  get host(): Pick<Host, 'tab' | 'listen'> {
    return {
      tab: this.#storage,
      listen: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  signal(...signals: readonly PageSignal[]): void {
    for (const signal of signals) for (const listener of [...this.#listeners]) listener(signal)
  }

  /** The browser hides the page: for a reload, another page in the tab, or to close it. */
  hide(): void {
    this.signal({ type: 'leaving' }, { type: 'hidden' }, { type: 'pagehide' })
  }

  /** The page comes back from the back/forward cache. */
  show(): void {
    this.signal({ type: 'visible' }, { type: 'pageshow', persisted: true })
  }

  /** The process of the page dies: whatever its client still does has no effect on the storage of the tab. */
  crash(): void {
    this.#isDead = true
    this.hide()
    for (const release of this.#releases) release()
  }

  get #storage(): TabStorage {
    const tab = this.#tab
    return {
      read: (key) => tab.items.get(key) ?? null,
      write: (key, value) => {
        if (this.#isDead) return true
        tab.writes += 1
        if (value === null) return tab.items.delete(key) || true
        if (value.length > tab.quota) return false
        tab.items.set(key, value)
        return true
      },
      lock: async (name, withinMs) => {
        if (!this.#locks) return undefined
        const free = await this.#locks.take(name, withinMs)
        if (!free) return null
        let isFree = false
        const release = () => {
          if (!isFree) free()
          isFree = true
        }
        this.#releases.add(release)
        return release
      },
    }
  }
}
