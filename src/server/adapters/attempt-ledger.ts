import type { ServerHost } from '../node/host.ts'

/** What the server saw of an attempt; it reveals nothing about a session. */
export interface Sighting {
  readonly sawRequest: boolean
  readonly sawUpgrade: boolean
  /** `'accepted'`, or the code of the refusal; `null` while there is no answer. */
  readonly verdict: 'accepted' | number | null
  readonly offeredProtocols: readonly string[]
  /** Wall-clock milliseconds. */
  readonly answeredAt: number | null
}

const keptMs = 60_000
const forgetEveryMs = 1000
/** The largest number of attempts with a hello, and of those without, which cost a client nothing. */
const most = { withHello: 10_000, other: 2000 } as const
/** The fraction that is kept when the limit was exceeded: to search all of them for each new one would be quadratic. */
const leftAfterShedding = 0.9

const unseen: Sighting = { sawRequest: false, sawUpgrade: false, verdict: null, offeredProtocols: [], answeredAt: null }

type Kind = keyof typeof most

type Answered = (verdict: 'accepted' | number, reason?: string) => void

interface LedgerEntry {
  readonly at: number
  readonly client: string
  kind: Kind
  sighting: Sighting
}

/**
 * Rule 15: keeps for a minute what the server saw of each attempt. If there are too many, those of the client with most attempts
 * are evicted first, so that no client can evict another's.
 */
export class AttemptLedger {
  readonly #now: () => number
  readonly #answered: Answered
  readonly #elapsedMs: () => number
  /** In insertion order: the oldest come first. */
  readonly #pages = new Map<string, LedgerEntry>()
  /** The attempts of each client. */
  readonly #attempts: Readonly<Record<Kind, Map<string, Set<string>>>> = { withHello: new Map(), other: new Map() }
  readonly #counts: Record<Kind, number> = { withHello: 0, other: 0 }
  #forgotAt = 0
  #shedAt = Number.NEGATIVE_INFINITY

  /** @param answered called with each answer, whether its attempt has a name or not */
  constructor({ now, elapsedMs }: Pick<ServerHost, 'now' | 'elapsedMs'>, answered: Answered = () => {}) {
    this.#answered = answered
    this.#now = now
    this.#elapsedMs = elapsedMs
  }

  /** The attempt in a query parameter; `null` if it is absent or malformed. */
  static attemptOf(query: URLSearchParams, name: 'attempt' | 'diagnose'): string | null {
    const attempt = query.get(name)
    return attempt !== null && /^[\w-]{1,64}$/.test(attempt) ? attempt : null
  }

  /** Whether the ledger holds all attempts of the last minute, so that an attempt that it lacks did not happen. */
  get isComplete(): boolean {
    return this.#elapsedMs() - this.#shedAt >= keptMs
  }

  /** @param client the client's address, if it is known */
  note(attempt: string | null, news: Partial<Sighting>, client = ''): void {
    if (attempt === null) return
    this.#forget()
    const page = this.#pages.get(attempt)
    if (page && this.#isKept(page)) {
      page.sighting = { ...page.sighting, ...news }
      return
    }
    if (page) this.#remove(attempt)
    this.#put(attempt, { at: this.#elapsedMs(), client, kind: 'other', sighting: { ...unseen, ...news } })
  }

  /** The attempt has sent a hello: it no longer counts among those that any client can make by the thousand. */
  broughtHello(attempt: string | null): void {
    const page = attempt === null ? undefined : this.#pages.get(attempt)
    if (attempt === null || page?.kind !== 'other') return
    this.#leave(attempt, page)
    page.kind = 'withHello'
    this.#join(attempt, page)
  }

  answered(attempt: string | null, verdict: 'accepted' | number, reason?: string): void {
    this.#answered(verdict, reason)
    this.note(attempt, { verdict, answeredAt: this.#now() })
  }

  of(attempt: string): Sighting {
    const page = this.#pages.get(attempt)
    return page && this.#isKept(page) ? page.sighting : unseen
  }

  #isKept({ at }: LedgerEntry): boolean {
    return this.#elapsedMs() - at < keptMs
  }

  /** Runs at most once a second: a Map is slow to find its first entry if many entries before it were deleted. */
  #forget(): void {
    const now = this.#elapsedMs()
    if (now - this.#forgotAt < forgetEveryMs) return
    this.#forgotAt = now
    for (const [attempt, page] of this.#pages) {
      if (this.#isKept(page)) return
      this.#remove(attempt)
    }
  }

  #put(attempt: string, page: LedgerEntry): void {
    this.#pages.set(attempt, page)
    this.#join(attempt, page)
  }

  #remove(attempt: string): void {
    const page = this.#pages.get(attempt)
    this.#pages.delete(attempt)
    if (page) this.#leave(attempt, page)
  }

  #join(attempt: string, { kind, client }: LedgerEntry): void {
    const attempts = this.#attempts[kind].get(client) ?? new Set()
    this.#attempts[kind].set(client, attempts.add(attempt))
    this.#counts[kind] += 1
    if (this.#counts[kind] > most[kind]) this.#shed(kind)
  }

  #leave(attempt: string, { kind, client }: LedgerEntry): void {
    const attempts = this.#attempts[kind].get(client)
    if (!attempts?.delete(attempt)) return
    this.#counts[kind] -= 1
    if (attempts.size === 0) this.#attempts[kind].delete(client)
  }

  /** Evicts attempts before their minute has passed; from then on the ledger is incomplete for a minute. */
  #shed(kind: Kind): void {
    const clients = [...this.#attempts[kind].values()]
    const left = Math.floor(leftAfterShedding * most[kind])
    const keptAt = (level: number) => clients.reduce((sum, { size }) => sum + Math.min(size, level), 0)
    let level = clients.reduce((largest, { size }) => Math.max(largest, size), 0)
    while (level > 1 && keptAt(level) > left) level = Math.floor(level / 2)
    for (const attempts of clients) this.#removeOldest(attempts, attempts.size - level)
    for (const attempts of clients) this.#removeOldest(attempts, this.#counts[kind] - left)
    this.#shedAt = this.#elapsedMs()
  }

  #removeOldest(attempts: ReadonlySet<string>, count: number): void {
    let left = count
    for (const attempt of attempts) {
      if (left <= 0) return
      left -= 1
      this.#remove(attempt)
    }
  }
}
