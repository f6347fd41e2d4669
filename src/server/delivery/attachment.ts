import { type CloseFrame, codes, type OpenFrame } from '../../wire/steadfast-v1.ts'
import { attachedBy } from '../metrics/meters.ts'
import { isHandling } from '../session/record.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import type { AttachedSession } from './attached-session.ts'
import type { Carrier } from './carrier.ts'
import { Delivery } from './delivery.ts'
import { EarlyFrames, type OpenAttachment } from './early-frames.ts'
import { HeldAnswer } from './held-answer.ts'
import { Liveness, wholeMs } from './liveness.ts'
import { MessageSource } from './message-source.ts'
import type { ClientHello, Cursor } from './parse-frames.ts'
import { askAt, checkCredentials, type Reauthenticate, type Reauthentication } from './reauthentication.ts'
import { receiveFrame } from './receive.ts'
import type { Recipient } from './topic-reader.ts'
import { writeFrame } from './write-frame.ts'

/** How long a client may delay the decision whether it stays with an attachment, in milliseconds (rule 5). */
const confirmWithinMs = 10_000
/** How long an attachment that ends may take to deliver earlier messages, and to acknowledge the client's, in milliseconds. */
const closingMs = 5000

/**
 * One live carrier of a session on this node. The code that created the carrier passes on the frames it receives (`receive`), and
 * reports when the carrier drains again (`drained`) and when it has ended (`ended`); each may be called at any time.
 */
export class Attachment implements OpenAttachment, Recipient {
  readonly carrier: Carrier
  readonly session: AttachedSession<Attachment>
  readonly k: number
  /** The turn that confirmed it; 0 while it is tentative. */
  turn = 0
  #phase: 'attaching' | 'open' | 'closing' | 'closed' = 'attaching'
  /** When its phase began, by the node's monotonic time (`elapsedMs`). */
  #since: number
  readonly #liveness: Liveness
  #delivery: Delivery | null = null
  /** Present only if the carrier is an answer. */
  readonly #answer: HeldAnswer | null
  /** The code and reason with which it ends once everything is delivered. */
  #close: CloseFrame | null = null
  /** Frames that arrived before it was open; those that arrive meanwhile queue behind them. */
  #early: EarlyFrames | null = null
  /** Created for the first message that it brings. */
  #source: MessageSource | null = null
  readonly reauthenticate: Reauthenticate | null
  /** Created when the credentials have an expiry. */
  reauthentication: Reauthentication | null = null

  constructor(
    session: AttachedSession<Attachment>,
    carrier: Carrier,
    { k, wait }: ClientHello,
    reauthenticate: Reauthenticate | null,
  ) {
    this.session = session
    this.carrier = carrier
    this.k = k
    this.#since = wholeMs(session.node)
    this.reauthenticate = reauthenticate
    this.#liveness = new Liveness(this.#since)
    this.#answer = carrier.medium === 'answer' ? new HeldAnswer(session.node, wait) : null
  }

  get isOpen(): boolean {
    return this.#phase === 'open' || this.#phase === 'closing'
  }

  get isOver(): boolean {
    return this.#phase === 'closed'
  }

  get source(): MessageSource {
    this.#source ??= new MessageSource((close) => this.end(close))
    return this.#source
  }

  /** `null` until it is open. */
  get delivery(): Delivery | null {
    return this.#delivery
  }

  /** The offset in stream 0 up to which everything has been written. */
  get writtenThrough(): number {
    return this.#delivery?.at ?? 0
  }

  // Events of the carrier.

  /** Receives a frame, or a line of a body. Bytes are kept, so the caller must not write to them any more. */
  receive(frame: string | Uint8Array): void {
    if (this.isOver) return
    if (this.isOpen && !this.#early) {
      receiveFrame(this, frame)
      return
    }
    this.#early ??= new EarlyFrames(this.session.node.settings.limits.maxBatchBytes)
    if (!this.#early.add(frame)) this.end({ code: codes.tooLarge, reason: 'too much before the session is open' })
  }

  /** The carrier accepts data again. */
  drained(): void {
    this.#liveness.drained()
    if (this.isOpen) this.#delivery?.wake()
  }

  /** The carrier has ended for another reason than a call of its `end`. */
  ended(ending: Ending): void {
    if (this.isOver) return
    const wasOpen = this.isOpen
    this.stop()
    if (wasOpen) this.session.detached(this, ending)
  }

  // Calls of the session.

  open(frame: OpenFrame, cursor: Cursor, record: SessionRecord): void {
    if (this.isOver) return
    const { node } = this.session
    this.#phase = 'open'
    node.meters.attached[attachedBy[this.carrier.medium]] += 1
    if (record.k === this.k) this.turn = record.turn
    this.#delivery = new Delivery(this, cursor, record.epoch)
    this.write(`o${JSON.stringify(frame)}`)
    this.#answer?.hold(this, record, () => this.#delivery?.wake())
    this.#delivery.wake()
    this.#early
      ?.pass(this, node.slices, () => {
        this.#early = null
      })
      .catch((error) => node.host.report(error))
  }

  write(frame: string | Uint8Array): void {
    if (!this.isOpen) return
    this.#liveness.wrote(frame.length, wholeMs(this.session.node))
    this.#answer?.wrote()
    this.session.node.meters.wrote(frame.length)
    writeFrame(this.carrier, frame)
  }

  /** Writes a frame other than a message, such as an acknowledgment. */
  writeControl(frame: string): void {
    if (!this.isOpen) return
    this.write(frame)
    if (this.#answer) this.#delivery?.wake()
  }

  /** Messages above `taken` were lost with the node that had taken them: asks the client to send them again (rule 2). */
  askAgain(taken: number): void {
    this.source.sendAgain()
    this.writeControl(`r${taken}`)
  }

  /** Ends the attachment at once. */
  end(close: CloseFrame): void {
    if (this.isOver) return
    this.ended({ by: 'server', code: close.code, reason: close.reason ?? '' })
    this.carrier.end(close)
  }

  /** Ends the attachment once everything that was sent to the session before is delivered, and what the client sent is done. */
  endWhenDelivered(close: CloseFrame): void {
    if (this.#phase !== 'open') return
    this.#phase = 'closing'
    this.#close = close
    this.#since = wholeMs(this.session.node)
    this.session.tickSoon()
    this.#delivery?.privateChanged()
  }

  /** The client has ended the attachment by a frame, not by closing the carrier. */
  hangUp(ending: Ending): void {
    if (this.isOver) return
    this.ended(ending)
    this.carrier.end()
  }

  /** Stops receiving and writing. The carrier stays as it is. */
  stop(): void {
    this.#phase = 'closed'
    this.#early = null
    this.#answer?.stop()
    this.#delivery?.stop()
  }

  /** The earliest time at which `tick` has something to do, by the node's monotonic time. */
  dueAt(): number {
    if (this.#phase === 'closing') return this.#since + closingMs
    if (this.#phase !== 'open' || this.#answer) return Infinity
    const dueAt = Math.min(this.#liveness.dueAt(this.carrier, this.session.node.settings), askAt(this.session))
    return this.turn === 0 ? Math.min(dueAt, this.#since + confirmWithinMs) : dueAt
  }

  tick(): void {
    const { node } = this.session
    const now = wholeMs(node)
    if (this.isOpen) this.#delivery?.tick()
    if (this.#phase === 'closing' && now - this.#since > closingMs && this.#close) {
      this.end(this.#close)
      return
    }
    if (this.#phase !== 'open' || this.#answer) return
    const isLate = this.turn === 0 && now - this.#since > confirmWithinMs
    const reason = this.#liveness.tick(this.carrier, now, node.settings) ?? (isLate ? 'not confirmed' : null)
    if (reason) this.end({ code: codes.silent, reason })
    else this.reauthentication = checkCredentials(this, this.reauthentication)
  }

  /** The client has sent something over another carrier. */
  activity(): void {
    this.#liveness.activity(wholeMs(this.session.node))
  }

  // Events of the delivery.

  settled(): void {
    this.session.delivered()
    const isFull = !this.carrier.isDraining()
    if (isFull && !this.#answer) {
      this.#liveness.stuck(wholeMs(this.session.node))
      this.session.tickSoon()
    }
    const isLast = this.#phase === 'closing' && this.#delivery?.isCaughtUp && !isHandling(this.session.processor.record)
    if (isLast && this.#close) {
      this.end(this.#close)
      return
    }
    if (this.#answer && (isFull || (this.#phase !== 'closing' && this.#answer.isDue))) this.complete()
  }

  /** Completes the answer with what has been written. */
  complete(): void {
    this.stop()
    this.carrier.end()
    this.session.detached(this, null)
  }
}
