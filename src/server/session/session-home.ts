import type { Ending, SessionRecord } from '../store/ports.ts'
import { Forwarder } from './forwarder.ts'
import type { HandledSession } from './handled-session.ts'
import type { Incoming } from './record.ts'

/** Where a pinned session is at home (rule 20): on this node, or on another one, which gets what comes here. */
export class SessionHome {
  readonly #session: HandledSession
  /** The session is pinned to this node, and `onEnd` has not run here. */
  isHere = false
  /** The name under which this node held the lease. */
  #holder = ''
  /** Made where the session is pinned to another node. */
  #forwarder: Forwarder | null = null

  constructor(session: HandledSession) {
    this.#session = session
  }

  /** The session was created on this node. */
  begin({ isPinned, lease }: SessionRecord): void {
    this.isHere = isPinned === true
    this.#holder = lease?.node ?? ''
  }

  /** This node goes on with the session; `hasEnded`: and runs its `onEnd`. */
  goesOn({ lease, isPinned, ended }: SessionRecord, hasEnded: boolean): void {
    this.#forwarder = null
    if (lease) this.#holder = lease.node
    // Also where this node never learned that it had made the session.
    if (lease && isPinned && !ended) this.isHere = true
    if (hasEnded) this.isHere = false
  }

  /** Another node has taken over. */
  lost(): void {
    this.#session.node.leases.doubt(this.#holder)
  }

  /** The session has ended without this node, to which it was pinned and which was taken for dead; or the store has lost it. */
  leave(ended: Ending | null): void {
    this.#forwarder = null
    if (!this.isHere) return
    this.isHere = false
    this.#session.endedElsewhere(ended)
  }

  /** Another node gets what has come here. */
  forward(record: SessionRecord, waiting: readonly Incoming[], wantedEnd: Ending | null): void {
    const { node, id } = this.#session
    if (record.ended || !record.lease) return
    if (!this.#forwarder?.isFor(record))
      this.#forwarder = new Forwarder(node, id, record, record.lease.node, () => this.#session.progressed())
    // An announcement of the record may have been lost.
    if (this.#forwarder.forward(waiting, wantedEnd)) this.#session.refresh()
  }
}
