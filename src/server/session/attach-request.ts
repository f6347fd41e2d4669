import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Attachment } from '../delivery/attachment.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { SessionRecord } from '../store/ports.ts'
import { endAfterError } from '../util/end-after-error.ts'
import type { AskAcceptance } from './acceptance.ts'
import { isSameLife, type JoinRequest, lacksNews } from './join-request.ts'
import { ackOf } from './record.ts'
import type { SessionActor } from './session-actor.ts'
import type { Principal } from './session-handle.ts'

/** The client that attaches. */
export interface Attaching {
  readonly hello: ClientHello
  readonly principal: Principal
  /** The client's address as limits count it, if it is known. */
  readonly address?: string | undefined
  /** Calls `acceptSession` before a session is created. @defaultValue it is not called */
  readonly ask?: AskAcceptance | null
}

/** The request of an attachment to join its session. It opens the attachment, or ends it with the refusal. */
export class AttachRequest implements JoinRequest {
  readonly hello: ClientHello
  readonly principal: Principal
  readonly address: string | undefined
  readonly mayCreate = true
  readonly ask: AskAcceptance | null
  readonly isKeepAlive = false
  readonly #session: SessionActor
  readonly #attachment: Attachment

  constructor(session: SessionActor, attachment: Attachment, { hello, principal, address, ask = null }: Attaching) {
    this.hello = hello
    this.principal = principal
    this.address = session.node.settings.isAuthenticating ? undefined : address
    this.ask = ask
    this.#session = session
    this.#attachment = attachment
  }

  start(): void {
    this.#session.joining += 1
    this.#session.processor.writer.join(this)
  }

  refused(close: CloseFrame): void {
    this.#session.joining -= 1
    this.#attachment.end(close)
  }

  admitted(record: SessionRecord, isResumed: boolean): void {
    this.#session.joining -= 1
    this.#open(record, isResumed)
  }

  /** The server has ended the session: the client first receives what was sent before the end, and which of its messages are done. */
  over(record: SessionRecord, close: CloseFrame): void {
    const session = this.#session
    const { node } = session
    lacksNews(this.hello, record, node.sessions)
      .then(
        (isBehind) => {
          session.joining -= 1
          if (isBehind && session.processor.known?.epoch === record.epoch) {
            this.#open(record, isSameLife(this.hello, record))
            this.#attachment.endWhenDelivered(close)
          } else {
            node.undeliveredEnds.delivered(session.id)
            this.#attachment.end(close)
          }
        },
        (error) => {
          session.joining -= 1
          node.host.report(error)
          this.#attachment.end(close)
        },
      )
      // Not with `close`: the client tries again, and may still receive what was sent to it.
      .catch((error) =>
        endAfterError(error, node.host, () =>
          this.#attachment.end({ code: codes.internal, reason: 'internal error', retryAfterMs: node.pauseMs() }),
        ),
      )
  }

  #open(record: SessionRecord, isResumed: boolean): void {
    const session = this.#session
    const attachment = this.#attachment
    const { node } = session
    if (attachment.isOver || node.isDown) return
    const { heartbeatMs, resumeWindowMs, limits } = node.settings
    const { k, n, cursor } = this.hello
    const { epoch, taken, done, answeredAt, lastEnd, protocol } = record
    session.attached(attachment)
    attachment.open(
      {
        ...(node.sessions.id === null ? {} : { store: node.sessions.id }),
        k,
        epoch,
        resumed: isResumed,
        taken,
        ack: done,
        heartbeatMs,
        resumeWindowMs,
        maxMessageBytes: limits.maxMessageBytes,
        retryWindowMs: node.retryWindowMs(),
        ...(isResumed && lastEnd ? { lastEnd } : {}),
        ...(answeredAt === undefined ? {} : { answeredAt }),
        ...(protocol === undefined ? {} : { protocol }),
      },
      cursor,
      record,
    )
    // A held answer is completed by its first frame, so it is completed at once if it can report `done` to its client.
    const isNews = done >= n || (!isResumed && cursor.size > 0)
    if (isNews && attachment.carrier.medium === 'answer') attachment.writeControl(ackOf(record))
    session.inbox.acknowledged(cursor, Infinity)
  }
}
