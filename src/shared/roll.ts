import type { Assigned, Origin, Sent } from './messages.ts'

/** Tabs whose messages are told from repeats. So many are never open at once; the first to come is forgotten. */
const mostTabs = 1000

/**
 * Which messages of which tabs have a place in the session. It is the same in all tabs, since all hear the same in the same order; only
 * what a leader is about to say is its own.
 */
export class Roll {
  /** How many messages of each tab have a place. */
  #assigned = new Map<string, number>()
  /** The same with what the leader has said and not heard yet. */
  #said = new Map<string, number>()
  #nextN = 1
  /** Whose the messages are that have a place and are not settled, from number `#first` on. */
  #origins: Origin[] = []
  #first = 1

  get assigned(): readonly (readonly [string, number])[] {
    return [...this.#assigned]
  }

  get origins(): readonly Origin[] {
    return this.#origins
  }

  /** How many messages of this tab have a place. */
  of(tab: string): number {
    return this.#assigned.get(tab) ?? 0
  }

  /** The number of a message; `undefined` where it has none any more. */
  numberOf({ tab, seq }: Origin): number | undefined {
    const index = this.#origins.findIndex((each) => each.tab === tab && each.seq === seq)
    return index < 0 ? undefined : this.#first + index
  }

  /** This tab leads from now on: what another leader has said and nobody has heard has no place. */
  lead(): void {
    this.#said = new Map(this.#assigned)
    this.#nextN = this.#first + this.#origins.length
  }

  /** The leader gives messages of a tab their places. Those that have one already are left out, and so is what does not follow. */
  assign(tab: string, seq: number, messages: readonly Sent[]): readonly Assigned[] {
    const next = (this.#said.get(tab) ?? 0) + 1
    if (seq > next) return []
    const fresh = messages.slice(next - seq)
    const assigned = fresh.map((data, index) => ({ n: this.#nextN + index, tab, seq: next + index, data }))
    this.#nextN += fresh.length
    this.#said.set(tab, next + fresh.length - 1)
    return assigned
  }

  /** What a leader has said was heard: it holds. */
  heard({ tab, seq }: Origin): void {
    this.#assigned.delete(tab)
    this.#assigned.set(tab, seq)
    const [oldest] = this.#assigned.keys()
    if (this.#assigned.size > mostTabs && oldest !== undefined) this.#assigned.delete(oldest)
    this.#origins.push({ tab, seq })
  }

  /** The server has settled everything below this number. */
  settledBelow(first: number): void {
    this.#origins.splice(0, Math.max(0, first - this.#first))
    this.#first = Math.max(first, this.#first)
  }

  /** Goes on with what another tab knows. */
  adopt(assigned: readonly (readonly [string, number])[], origins: readonly Origin[], first: number): void {
    this.#assigned = new Map(assigned)
    this.#origins = [...origins]
    this.#first = first
  }
}
