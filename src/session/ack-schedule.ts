import type { Link } from '../api/transport.ts'
import { ackBytes, type SessionState } from './session-state.ts'

const ackAfterMs = 1000

/** When the server has to hear how far this client has taken its streams: by a frame, or by the hello of a request. */
export class AckSchedule {
  readonly #session: SessionState
  /** When it is due at the latest. */
  #at = Infinity
  /** Whether a request has to tell the server which attachment carries the session. */
  #isToConfirm = false

  constructor(session: SessionState) {
    this.#session = session
  }

  /** A request has to name the turn; over a WebSocket a frame did, and the hello held the cursor. */
  attached(link: Link): void {
    this.#isToConfirm = !!link.isPosting
    this.#at = this.#session.owedBytes ? 0 : Infinity
  }

  detached(): void {
    this.#at = Infinity
  }

  /** Something was taken; returns whether so much is owed that the server has to hear of it now. */
  owed(now: number): boolean {
    const isMuch = this.#session.owedBytes >= ackBytes
    this.#at = Math.min(this.#at, isMuch ? 0 : now + ackAfterMs)
    return isMuch
  }

  /** It leaves with what is written last. */
  hasten(): void {
    if (this.#session.owedBytes) this.#at = 0
  }

  dueAt(link: Link): number {
    return link.tellsCursor ? Infinity : this.#at
  }

  isDue(link: Link, now: number): boolean {
    return this.#isToConfirm || now >= this.dueAt(link)
  }

  /** The cursor was sent. Where nothing moves, the client of a stream still has to be heard from. */
  sent(link: Link, now: number): void {
    const { opened } = this.#session
    this.#session.owedBytes = 0
    this.#isToConfirm = false
    this.#at = link.isPosting && opened ? now + 2.5 * opened.heartbeatMs : Infinity
  }
}
