import type { Uses } from './messages.ts'
import type { Room } from './room.ts'

/** The topics in use, by tab, for all tabs share one subscription of each. Every tab knows them, so that any can lead. */
export class TopicUses {
  readonly #room: Room
  #byTab = new Map<string, readonly string[]>()
  /** Topics that no tab uses any more, until the `unsubscribe` of each is numbered. */
  #unused = new Set<string>()
  /** Those of them whose `unsubscribe` this tab has posted as the leader, and not received yet. */
  readonly #posted = new Set<string>()
  /** Whether the leader knows what this tab posted last; `unsure`: it may have been away when this tab posted it to the one before. */
  #last: 'nothing' | 'known' | 'unsure' = 'nothing'
  /** The tabs whose end this tab awaits while it leads, each with what stops that. */
  readonly #watched = new Map<string, () => void>()

  constructor(room: Room) {
    this.#room = room
  }

  /** The topics that any tab uses. */
  get used(): readonly string[] {
    return [...this.#byTab.values()].flat()
  }

  /** For a tab that joins. */
  get snapshot(): Uses {
    return [[...this.#byTab], [...this.#unused]]
  }

  adopt([uses, unused]: Uses): void {
    this.#byTab = new Map(uses)
    this.#unused = new Set(unused)
    if (this.#last === 'unsure') this.#last = 'known'
  }

  /** Another tab leads from now on. */
  follow(): void {
    if (this.#last === 'known') this.#last = 'unsure'
  }

  /** Posts the topics that this tab uses, unless the leader knows them. */
  post(topics: readonly string[]): void {
    const { me } = this.#room
    const known = this.#byTab.get(me) ?? []
    const isSame = topics.length === known.length && topics.every((topic, index) => topic === known[index])
    if (isSame && this.#last !== 'unsure') return
    this.#last = 'known'
    // At once, since the calls that this tab numbers as the leader are not ordered by the channel.
    this.heard(me, topics)
    this.#room.post({ type: 'uses', tab: me, topics })
  }

  /** A tab uses these topics from now on. */
  heard(tab: string, topics: readonly string[]): void {
    for (const topic of this.#byTab.get(tab) ?? []) this.#unused.add(topic)
    if (topics.length) this.#byTab.set(tab, topics)
    else this.#byTab.delete(tab)
    for (const topic of this.used) this.#forget(topic)
  }

  /** Awaits the end of each tab that uses a topic: whether it is closed, leaves or crashes, its topics are then unused. */
  watch(): void {
    for (const tab of this.#byTab.keys()) {
      if (tab === this.#room.me || this.#watched.has(tab)) continue
      const stop = this.#room.locks.watch(tab, () => {
        this.#watched.delete(tab)
        this.#room.post({ type: 'uses', tab, topics: [] })
      })
      this.#watched.set(tab, stop)
    }
  }

  unwatch(): void {
    for (const stop of this.#watched.values()) stop()
    this.#watched.clear()
    this.revoked()
  }

  /** As `SharedCalls.revoked`; `unused`: the topics that are unused without those numbers. */
  revoked(unused: readonly string[] = []): void {
    this.#posted.clear()
    for (const topic of unused) this.numbered(topic, false)
  }

  /** The unused topics, which the leader is about to unsubscribe from. */
  take(): readonly string[] {
    const due = [...this.#unused].filter((topic) => !this.#posted.has(topic))
    for (const topic of due) this.#posted.add(topic)
    return due
  }

  /** A call that subscribes to a topic or, if `isEnd`, unsubscribes from it is numbered. */
  numbered(topic: string, isEnd: boolean): void {
    // A tab may cease to use a topic while its call is queued.
    if (isEnd || this.used.includes(topic)) this.#forget(topic)
    else this.#unused.add(topic)
  }

  #forget(topic: string): void {
    this.#unused.delete(topic)
    this.#posted.delete(topic)
  }
}
