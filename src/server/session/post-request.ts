import type { ClientCall } from '../../wire/calls.ts'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { queuedBytes } from '../calls/call-size.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { SessionRecord } from '../store/ports.ts'
import { endAfterError } from '../util/end-after-error.ts'
import { detachedText } from '../util/payload.ts'
import { type JoinRequest, lacksNews } from './join-request.ts'
import type { PostBody } from './post-body.ts'
import { type Incoming, isHandling, maxTaken, type Source } from './record.ts'
import type { SessionActor } from './session-actor.ts'
import type { Principal } from './session-handle.ts'

/** How long a request waits until its messages are taken, in milliseconds; then the answer states what was taken so far. */
export const takenWithinMs = 2000

/** How often a request that ends its session checks whether the messages before the end are done, in milliseconds. */
const lookEveryMs = 10

/** The answer to a POST: the session's `taken` and `done`, or the refusal. */
export type Receipt = { readonly taken: number; readonly ack: number; readonly answeredAt?: number } | CloseFrame

/** One POST of messages. It waits until they are taken, which may depend on another node's handlers. */
export class PostRequest implements Source, JoinRequest {
  hello: ClientHello
  readonly principal: Principal
  readonly mayCreate = false
  readonly ask = null
  readonly isKeepAlive: boolean
  readonly #session: SessionActor
  #posted: PostBody
  readonly #answer: (receipt: Receipt) => void
  /** Messages that have not been settled yet. */
  #open = 0
  /** The lowest number among its messages. */
  #first = Infinity
  #isMissing = false
  #cancelLimit: (() => void) | null = null
  #cancelLook: (() => void) | null = null
  #isAnswered = false

  constructor(
    session: SessionActor,
    hello: ClientHello,
    principal: Principal,
    posted: PostBody,
    answer: (receipt: Receipt) => void,
  ) {
    this.hello = hello
    this.principal = principal
    this.isKeepAlive = posted.isEmpty
    this.#session = session
    this.#posted = posted
    this.#answer = answer
  }

  start(): void {
    if (!this.#session.inbox.mayReceive()) {
      this.refused({ code: codes.tooMany, reason: 'too many requests', ...this.#pause() })
      return
    }
    this.#session.processor.writer.join(this)
  }

  admitted(): void {
    const session = this.#session
    const { inbox } = session
    const { runs, messages, bytes, turn, cursor, close } = this.#posted
    session.attachments.activity()
    inbox.acknowledged(this.hello.cursor, Infinity)
    if (cursor) inbox.acknowledged(cursor, Infinity)
    if (turn > 0) inbox.confirm(turn, this.hello.k)
    const refusal = messages > 0 ? inbox.refusalOf(messages, bytes) : null
    if (refusal) {
      this.#finish(refusal)
      return
    }
    for (const { first, payloads, call } of runs) {
      let n = first
      for (const data of payloads) {
        this.#bring(n, data, call)
        n += 1
      }
    }
    // A waiting message keeps this request, but must not keep what came with it.
    this.#posted = { ...this.#posted, runs: [], cursor: null }
    this.hello = leanOf(this.hello)
    if (close) session.hangUp(this.hello.k, { by: 'client', code: close.code, reason: close.reason ?? '' })
    inbox.settle()
    this.#cancelLimit = session.node.host.after(takenWithinMs, () => this.#finish(null))
    if (this.#open === 0) this.#taken()
  }

  get isWithdrawn(): boolean {
    return this.#isAnswered
  }

  refused(close: CloseFrame): void {
    this.#finish(close)
  }

  /**
   * The server has ended the session. A client that has not read everything that was sent to it before, or does not know that
   * messages of its own are done, is asked to come back: its attachment brings the rest, and then the end.
   */
  over(record: SessionRecord, close: CloseFrame): void {
    const { node } = this.#session
    lacksNews(this.hello, record, node.sessions)
      .then((isBehind) => {
        if (!isBehind) node.undeliveredEnds.delivered(this.#session.id)
        this.#finish(isBehind ? { code: codes.restarting, reason: 'more to be read' } : close)
      })
      .catch((error) => endAfterError(error, node.host, () => this.#finish(close)))
  }

  outOfOrder(_: Incoming, record: SessionRecord): void {
    // The numbers are consecutive, so the first one shows whether a message is missing before them.
    this.#isMissing ||= this.#first > maxTaken(record) + 1
    this.#looked()
  }

  inOrder(): void {
    this.#looked()
  }

  #bring(n: number, data: string | Uint8Array | null, call: ClientCall | undefined): void {
    this.#open += 1
    this.#first = Math.min(this.#first, n)
    this.#session.inbox.enqueue({ n, data, bytes: queuedBytes(data, call), source: this, redelivered: false, call })
  }

  #looked(): void {
    this.#open -= 1
    if (this.#open > 0) return
    if (this.#isMissing) this.#finish({ code: codes.protocolError, reason: 'a message is missing' })
    else this.#taken()
  }

  /** All messages are taken. A request that ends its session also waits until they are done: no later answer can tell. */
  #taken(): void {
    const { processor, node } = this.#session
    const { known, queue } = processor
    const isEnding = this.#posted.close !== null && (known?.ended || queue?.wantedEnd)
    if (isEnding && known && !this.#isAnswered && isHandling(known))
      this.#cancelLook = node.host.after(lookEveryMs, () => this.#taken())
    else this.#finish(null)
  }

  #finish(close: CloseFrame | null): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#cancelLimit?.()
    this.#cancelLook?.()
    const { known } = this.#session.processor
    // The client sends again what is not taken by now.
    if (this.#open > 0) this.#session.inbox.withdrawn(this.#open)
    if (close || !known) {
      this.#answer(close ?? { code: codes.restarting, reason: 'unknown' })
      return
    }
    const { taken, done, answeredAt, epoch } = known
    const { cursor, n } = this.hello
    // A client that does not know of the lost session would take the offset of the answers for one of the old stream 0, which it
    // has read further. The `open` of its next attachment acknowledges the messages.
    const isOfEarlierLife = (cursor.get(0)?.epoch ?? epoch) !== epoch
    if (isOfEarlierLife) this.#answer({ taken, ack: n - 1 })
    else this.#answer({ taken, ack: done, ...(answeredAt !== undefined && { answeredAt }) })
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.#session.node.pauseMs() }
  }
}

/** A hello without credentials, and with the place of the session's own stream only. */
function leanOf({ cursor, ...hello }: ClientHello): ClientHello {
  const place = cursor.get(0)
  const own = place && { ...place, epoch: detachedText(place.epoch) }
  return { ...hello, auth: undefined, cursor: new Map(own && [[0, own]]) }
}
