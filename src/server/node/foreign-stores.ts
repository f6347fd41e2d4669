import type { ClientHello } from '../delivery/parse-frames.ts'
import type { SessionStore } from '../store/ports.ts'

/** After so long a client has noticed that its server was restarted. */
const noticedMs = 3000

/** Finds out that another server answers at the same URL with a store of its own, by what hellos name, and reports it once. */
export class ForeignStores {
  readonly #store: Pick<SessionStore, 'id'>
  readonly #report: (error: Error) => void
  #hasReported = false
  #elsewhere: { readonly session: string; readonly at: number } | null = null

  constructor(store: Pick<SessionStore, 'id'>, report: (error: Error) => void) {
    this.#store = store
    this.#report = report
  }

  /**
   * A client that this store opened a session for, then another store, and that comes here again: two stores answer in turn. A store
   * that was made anew by a restart is never come back to.
   */
  compare({ stores: [last, ...earlier] = [] }: ClientHello): void {
    const { id } = this.#store
    if (last !== id && earlier.includes(id)) this.#found()
  }

  /** Whether a request belongs to a life of the session that this store knows nothing of, even where it has one of its own. */
  has({ session, stores: [last] = [] }: ClientHello, now: number): boolean {
    if (last === undefined || last === this.#store.id) return false
    // A server that was restarted gets a few of them, until its clients have noticed.
    if (this.#elsewhere?.session === session && now - this.#elsewhere.at > noticedMs) this.#found()
    // Of several sessions each has its turn, and the first is looked at until it is old.
    if (!this.#elsewhere || now - this.#elsewhere.at > 10 * noticedMs) this.#elsewhere = { session, at: now }
    return true
  }

  #found(): void {
    if (this.#hasReported) return
    this.#hasReported = true
    this.#report(
      new Error(
        'RealtimeServer: two servers with a store of their own each answer at this URL, so that sessions are lost whenever a client comes to the other one: give them one store (the options `topics` and `sessions`), or run one process; see docs/DEPLOYMENT.md.',
      ),
    )
  }
}
