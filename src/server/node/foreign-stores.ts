import type { ClientHello } from '../delivery/parse-frames.ts'
import type { SessionStore } from '../store/ports.ts'

/** How long it takes a client to notice that its server was restarted, in milliseconds. */
const noticedMs = 3000

/** Detects another server with its own store at the same URL, by the stores that hellos name, and reports it once. */
export class ForeignStores {
  readonly #store: Pick<SessionStore, 'id'>
  readonly #report: (error: Error) => void
  #hasReported = false
  #elsewhere: { readonly session: string; readonly k: number; readonly at: number } | null = null

  constructor(store: Pick<SessionStore, 'id'>, report: (error: Error) => void) {
    this.#store = store
    this.#report = report
  }

  /**
   * Reports a client for which this store opened a session, then another store, and which has come back: the two answer in turn.
   * No client returns to a store that a restart has replaced.
   */
  compare({ stores: [last, ...earlier] = [] }: ClientHello): void {
    const { id } = this.#store
    if (id !== null && last !== id && earlier.includes(id)) this.#found()
  }

  /**
   * Whether another store opened the session of this POST last: this store does not know it, even if it has one of the same id.
   * Reports a client that has attached to the other store again after this one had refused it.
   *
   * @param isClosing the client closes the session: its last POST may name an attachment that it was about to open
   */
  has({ session, k, stores: [last] = [] }: ClientHello, now: number, isClosing = false): boolean {
    const { id } = this.#store
    if (id === null || last === undefined || last === id) return false
    const earlier = this.#elsewhere
    // After a restart a few such POSTs are normal, until the clients have noticed it. None belongs to a later attachment.
    if (earlier?.session === session && ((k > earlier.k && !isClosing) || now - earlier.at > noticedMs)) this.#found()
    // One session is observed at a time; another replaces it once the observation is old.
    if (!earlier || now - earlier.at > 10 * noticedMs) this.#elsewhere = { session, k, at: now }
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
