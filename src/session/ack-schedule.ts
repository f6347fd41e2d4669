import type { Link } from '../api/transport.ts'
import { ackBytes, type SessionState } from './session-state.ts'

const ackAfterMs = 1000

/** Schedules the cursor for the server, which tells how far this client has read: by a frame, or by the hello of a request. */
export class AckSchedule {
  readonly #session: SessionState
  /** When the cursor is due at the latest. */
  #at = Infinity
  /** Whether a request has to confirm which attachment carries the session. */
  #isToConfirm = false

  constructor(session: SessionState) {
    this.#session = session
  }

  /** A request has to name the turn; over a WebSocket a frame has named it, and the hello held the cursor. */
  attached(link: Link): void {
    this.#isToConfirm = !!link.isPosting
    this.#at = this.#session.owedBytes ? 0 : Infinity
  }

  detached(): void {
    this.#at = Infinity
  }

  /** Something was read; returns whether so much is unacknowledged that the cursor is due now. */
  owed(now: number): boolean {
    const isMuch = this.#session.owedBytes >= ackBytes
    this.#at = Math.min(this.#at, isMuch ? 0 : now + ackAfterMs)
    return isMuch
  }

  /** Makes an outstanding acknowledgment due now, so that the last write includes it. */
  hasten(): void {
    if (this.#session.owedBytes) this.#at = 0
  }

  dueAt(link: Link): number {
    return link.tellsCursor ? Infinity : this.#at
  }

  isDue(link: Link, now: number): boolean {
    return this.#isToConfirm || now >= this.dueAt(link)
  }

  /** The cursor was sent. Even if nothing is read, the client of an event stream has to be heard from regularly. */
  sent(link: Link, now: number): void {
    const { opened } = this.#session
    this.#session.owedBytes = 0
    this.#isToConfirm = false
    this.#at = link.isPosting && opened ? now + 2.5 * opened.heartbeatMs : Infinity
  }
}
