import type { Host } from '../api/host.ts'
import type { TabHost } from '../api/tab-host.ts'
import { within } from '../util/within.ts'

/** How long the browser may take to list its locks, in milliseconds; then others may exist. */
const heldMs = 1000

/** The locks by which the tabs of one connection know of each other. */
export class TabLocks {
  readonly #host: Host
  readonly #tabs: TabHost
  #name = ''
  #me = ''
  #held: readonly (() => void)[] = []

  constructor(host: Host, tabs: TabHost) {
    this.#host = host
    this.#tabs = tabs
  }

  /** Takes this tab's two locks. Others look for the `tab` lock and wait for the `life` lock: whoever waited for the first would hold it for a moment, and count as this tab. */
  join(name: string, me: string): void {
    this.#name = name
    this.#me = me
    this.#held = ['tab', 'life'].map((kind) => this.#tabs.lock(this.#of(kind, me), false, { granted() {}, lost() {} }))
  }

  leave(): void {
    for (const release of this.#held) release()
    this.#held = []
  }

  /** Whether no other tab shares the connection now. */
  async isAlone(): Promise<boolean> {
    const held = await within<readonly string[] | null>(this.#tabs.held(), heldMs, this.#host, () => null).catch(() => null)
    return !!held && !held.some((name) => name.startsWith(this.#of('tab', '')) && name !== this.#of('tab', this.#me))
  }

  /** Calls `gone` once a tab has left or crashed; returns a function that stops that. */
  watch(tab: string, gone: () => void): () => void {
    const granted = () => {
      stop()
      gone()
    }
    const stop = this.#tabs.lock(this.#of('life', tab), false, { granted, lost() {} })
    return stop
  }

  #of(kind: string, tab: string): string {
    return `${this.#name} ${kind} ${tab}`
  }
}
