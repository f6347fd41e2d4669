import type { Ending, SessionRecord } from '../store/ports.ts'
import { Forwarder } from './forwarder.ts'
import type { HandledSession } from './handled-session.ts'
import type { Incoming } from './record.ts'

/** A pinned session's home (rule 20): this node, or another one, to which this one forwards. */
export class SessionHome {
  readonly #session: HandledSession
  /** The session is pinned to this node, and `onEnd` has not run here. */
  isHere = false
  /** The name under which this node held the lease. */
  #holder = ''
  /** Created if the session is pinned to another node. */
  #forwarder: Forwarder | null = null

  constructor(session: HandledSession) {
    this.#session = session
  }

  /** The session was created on this node. */
  begin({ isPinned, lease }: SessionRecord): void {
    this.isHere = isPinned === true
    this.#holder = lease?.node ?? ''
  }

  /** This node takes the session over, and runs its `onEnd` if `hasEnded`. */
  goesOn({ lease, isPinned, ended }: SessionRecord, hasEnded: boolean): void {
    this.#forwarder = null
    if (lease) this.#holder = lease.node
    // Also if this node never learned that it had created the session.
    if (lease && isPinned && !ended) this.isHere = true
    if (hasEnded) this.isHere = false
  }

  /** Another node has taken over. */
  lost(): void {
    this.#session.node.leases.doubt(this.#holder)
  }

  /** The session was pinned to this node, which was presumed dead, and has ended elsewhere; or the store has lost it. */
  leave(ended: Ending | null): void {
    this.#forwarder = null
    if (!this.isHere) return
    this.isHere = false
    this.#session.endedElsewhere(ended)
  }

  /** Forwards to another node what has arrived here. */
  forward(record: SessionRecord, waiting: readonly Incoming[], wantedEnd: Ending | null): void {
    const { node, id } = this.#session
    if (record.ended || !record.lease) return
    if (!this.#forwarder?.isFor(record))
      this.#forwarder = new Forwarder(node, id, record, record.lease.node, () => this.#session.progressed())
    // An announcement of the record may have been lost.
    if (this.#forwarder.forward(waiting, wantedEnd)) this.#session.refresh()
  }
}
