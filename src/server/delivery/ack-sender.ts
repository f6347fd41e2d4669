import { type AckSource, ackEveryMs } from '../node/ack-timer.ts'
import type { NodeContext } from '../node/node-context.ts'
import { ackOf } from '../session/record.ts'
import type { SessionRecord } from '../store/ports.ts'
import type { Attachments } from './attachments.ts'

/** The session whose messages are acknowledged. */
export interface AckedSession {
  readonly node: NodeContext
  readonly known: SessionRecord | null
}

/** Acknowledges to the client the messages whose handlers are done, at most every `ackEveryMs`. */
export class AckSender implements AckSource {
  readonly #session: AckedSession
  readonly #attachments: Attachments
  /** The highest `done` that the client knows. */
  #sent = 0
  #sentAt = -ackEveryMs

  constructor(session: AckedSession, attachments: Attachments) {
    this.#session = session
    this.#attachments = attachments
  }

  /** The client learns `done` from its `open` frame instead. */
  restart(done: number): void {
    this.#sent = done
  }

  /** @param isLast the session has ended: what is not acknowledged now is sent again in the client's next session */
  sendAck(isLast = false): void {
    const { node, known } = this.#session
    const done = known?.done ?? 0
    if (done <= this.#sent || this.#attachments.size === 0) return
    const now = node.elapsedMs()
    if (!isLast && now - this.#sentAt < ackEveryMs) {
      node.acks.add(this)
      return
    }
    this.#sentAt = now
    this.#sent = done
    if (known) this.#attachments.writeToAll(ackOf(known))
  }
}
