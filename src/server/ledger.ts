/** What was seen of an attempt; nothing in it tells of a session. */
export interface Sighting {
  readonly sawRequest: boolean
  readonly sawUpgrade: boolean
  /** `'accepted'`, or the code of the refusal; `null` while there is no answer yet. */
  readonly verdict: 'accepted' | number | null
  readonly offeredProtocols: readonly string[]
  /** Wall-clock milliseconds. */
  readonly answeredAt: number | null
}

const keptMs = 60_000
const mostAttempts = 10_000

const unseen: Sighting = { sawRequest: false, sawUpgrade: false, verdict: null, offeredProtocols: [], answeredAt: null }

interface Page extends Sighting {
  readonly at: number
}

/** Rule 15: remembers for a minute what was seen of each attempt. */
export class Ledger {
  readonly #now: () => number
  readonly #pages = new Map<string, Page>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** The name of an attempt, if it is one. */
  static attemptOf(query: URLSearchParams, name: 'attempt' | 'diagnose'): string | null {
    const attempt = query.get(name)
    return attempt !== null && /^[\w-]{1,64}$/.test(attempt) ? attempt : null
  }

  note(attempt: string | null, news: Partial<Sighting>): void {
    if (attempt === null) return
    const before = this.#pages.get(attempt)
    this.#pages.set(attempt, { ...unseen, at: this.#now(), ...before, ...news })
    if (!before) this.#forget()
  }

  answered(attempt: string | null, verdict: 'accepted' | number): void {
    this.note(attempt, { verdict, answeredAt: this.#now() })
  }

  of(attempt: string): Sighting {
    this.#forget()
    const { at: _, ...sighting } = this.#pages.get(attempt) ?? { ...unseen, at: 0 }
    return sighting
  }

  /** The oldest come first in a Map. */
  #forget(): void {
    const since = this.#now() - keptMs
    for (const [attempt, { at }] of this.#pages) {
      if (at > since && this.#pages.size <= mostAttempts) return
      this.#pages.delete(attempt)
    }
  }
}
