import type { SentNumbers } from '../session/session-port.ts'
import type { Assigned, Origin, Sent } from './messages.ts'

/** The most tabs whose messages are recognized as repeats. So many are never open at once; the oldest is evicted. */
const maxTabs = 1000

/**
 * The messages of all tabs that are numbered in the session. It is the same in all tabs, since all receive the same messages in
 * the same order; only what a leader has posted and not received yet is its own.
 */
export class Roll {
  /** How many messages of each tab are numbered. */
  #assigned = new Map<string, number>()
  /** The same, including those that the leader has posted and not received yet. */
  #said = new Map<string, number>()
  /** Whether a tab may have been evicted. */
  #hasEvicted = false
  #nextN = 1
  /** The origins of the unacknowledged numbered messages, from number `#first` on; none of those that the page before has sent. */
  #origins: (Origin | undefined)[] = []
  #first = 1

  get assigned(): readonly (readonly [string, number])[] {
    return [...this.#assigned]
  }

  get origins(): readonly (Origin | undefined)[] {
    return this.#origins
  }

  /** How many messages of this tab are numbered. */
  of(tab: string): number {
    return this.#assigned.get(tab) ?? 0
  }

  /** Whether a tab may have numbered messages that are not counted here. */
  isUnsure(tab: string): boolean {
    return this.#hasEvicted && !this.#assigned.has(tab)
  }

  /** The number of a message; `undefined` if it is acknowledged. */
  numberOf({ tab, seq }: Origin): number | undefined {
    const index = this.#origins.findIndex((each) => each?.tab === tab && each.seq === seq)
    return index < 0 ? undefined : this.#first + index
  }

  /**
   * This tab leads: numbers that a leader has posted and nobody received are void, and are assigned again.
   * @param sent the unacknowledged messages: a stored session has some that no tab has numbered
   */
  revoked({ first, last }: Pick<SentNumbers, 'first' | 'last'>): void {
    this.#said = new Map(this.#assigned)
    this.#first = first
    this.#origins.length = last + 1 - first
    this.#nextN = last + 1
  }

  /**
   * Numbers messages of a tab, as its leader. Those that have a number are skipped; after a missing one nothing is numbered. An
   * unknown tab may have been evicted, if any was: its messages go on where it says.
   * @param first `null`: none of them has a number
   */
  assign(tab: string, first: number | null, messages: readonly Sent[]): readonly Assigned[] {
    const known = this.#said.get(tab) ?? (this.#hasEvicted ? undefined : 0)
    const next = known === undefined ? (first ?? 1) : known + 1
    const seq = first ?? next
    if (seq > next) return []
    const fresh = messages.slice(next - seq)
    const assigned = fresh.map((data, index) => ({ n: this.#nextN + index, tab, seq: next + index, data }))
    this.#nextN += fresh.length
    this.#said.set(tab, next + fresh.length - 1)
    return assigned
  }

  /** Records a numbered message once it was received. */
  heard({ tab, seq }: Origin): void {
    this.#assigned.delete(tab)
    this.#assigned.set(tab, seq)
    const [oldest] = this.#assigned.keys()
    if (this.#assigned.size > maxTabs && oldest !== undefined) {
      this.#hasEvicted = true
      this.#assigned.delete(oldest)
      this.#said.delete(oldest)
    }
    this.#origins.push({ tab, seq })
  }

  /** The server has acknowledged all messages below this number. */
  settledBelow(first: number): void {
    this.#origins.splice(0, Math.max(0, first - this.#first))
    this.#first = Math.max(first, this.#first)
  }

  /** Replaces this roll by that of another tab. */
  adopt(assigned: readonly (readonly [string, number])[], origins: readonly (Origin | undefined)[], first: number): void {
    this.#hasEvicted ||= assigned.length >= maxTabs
    this.#assigned = new Map(assigned)
    this.#origins = [...origins]
    this.#first = first
  }
}
