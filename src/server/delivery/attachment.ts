import { type CloseFrame, codes, type OpenFrame } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import { authenticatedUntil, CredentialCheck, isNearExpiry, mostLeadMs } from '../session/credential-check.ts'
import type { Incoming } from '../session/record.ts'
import type { Principal } from '../session/session-handle.ts'
import type { Ending, SessionRecord, SessionStore, Stored, TopicLog } from '../store/ports.ts'
import type { Carrier } from './carrier.ts'
import { Delivery } from './delivery.ts'
import { Liveness } from './liveness.ts'
import type { ClientHello, Cursor } from './parse-frames.ts'
import { type FrameSource, receiveFrame, type SessionInbox } from './receive.ts'
import type { TopicFeeds } from './topic-feed.ts'
import type { Recipient } from './topic-reader.ts'

/** Asks the application once more who the client is, with the credentials that it gave now. Never rejects. */
export type Reauthenticate = (auth: unknown) => Promise<Principal | CloseFrame>

/** The session on this node, as an attachment of it sees it. */
export interface AttachedSession {
  readonly id: string
  readonly node: NodeContext
  readonly inbox: SessionInbox
  readonly processor: AttachedRecord
  /** The store has failed: the next tick reads the record again. */
  retryLater(): void
  /** Something was written. */
  delivered(): void
  /** The node's next tick is not to pass this session over. */
  tickSoon(): void
  /** An answer is complete; its client asks again. */
  answered(attachment: Attachment): void
  detached(attachment: Attachment, ending: Ending): void
}

/** The session's record, as an attachment sees it. */
export interface AttachedRecord {
  readonly record: SessionRecord
  /** Reads the record again. */
  refresh(): void
  /** The client has been authenticated anew. */
  authenticated(principal: Principal): void
}

/** How long a client may leave open whether it stays with an attachment (rule 5). */
const confirmWithinMs = 10_000
/** How long a last word may take to leave. */
const partingMs = 5000
const longFrame = 131_072
/** After so many frames in a row it is asked whether others should have their turn. */
const checkSliceEvery = 16

/**
 * One live carrier of a session on this node. Whoever made the carrier hands it what comes in (`receive`), says when it
 * drains again (`drained`), and when it is over (`ended`); all may be called at any time.
 */
export class Attachment implements FrameSource, Recipient {
  readonly carrier: Carrier
  readonly live: AttachedSession
  readonly k: number
  /** The turn by which it was confirmed; 0 while it is tentative. */
  turn = 0
  #phase: 'attaching' | 'open' | 'parting' | 'over' = 'attaching'
  #delivery: Delivery | null = null
  readonly #liveness: Liveness
  /** Since when it is in its phase, by the node's own time (`elapsedMs`). */
  #since: number
  /** The client has been told to send again: until it does, what comes is of before. */
  #isAwaiting = false
  #hasNews = false
  #waitUntil = 0
  #cancelWait: (() => void) | null = null
  #close: CloseFrame | null = null
  /** What came in and has not been heard yet; what comes later waits behind it. */
  #early: (string | Uint8Array)[] | null = null
  readonly #reauthenticate: Reauthenticate | null
  /** Made when there is a time at which its credentials end. */
  #check: CredentialCheck | null = null
  #earlyLength = 0
  readonly isWithdrawn = false

  constructor(live: AttachedSession, carrier: Carrier, { k, wait }: ClientHello, reauthenticate: Reauthenticate | null = null) {
    const now = live.node.elapsedMs()
    this.live = live
    this.carrier = carrier
    this.k = k
    this.#since = now
    this.#reauthenticate = reauthenticate
    this.#liveness = new Liveness(now)
    if (wait) this.#waitUntil = now + Math.min(wait, live.node.settings.heartbeatMs)
  }

  get isOpen(): boolean {
    return this.#phase === 'open' || this.#phase === 'parting'
  }

  get isOver(): boolean {
    return this.#phase === 'over'
  }

  get sessionId(): string {
    return this.live.id
  }

  get inbox(): SessionInbox {
    return this.live.inbox
  }

  get record(): SessionRecord {
    return this.live.processor.record
  }

  get sessions(): SessionStore {
    return this.live.node.sessions
  }

  get topics(): TopicLog {
    return this.live.node.topics
  }

  get feeds(): TopicFeeds {
    return this.live.node.feeds
  }

  // What the carrier's side says.

  /** A text frame, or a line of a body, came in. */
  receive(text: string): void {
    this.#receive(text)
  }

  /** A binary frame came in. Its bytes are kept, so they must not be written to any more. */
  receiveBinary(bytes: Uint8Array): void {
    this.#receive(bytes)
  }

  /** The carrier takes more again. */
  drained(): void {
    this.#liveness.drained()
    if (this.isOpen) this.#delivery?.wake()
  }

  /** The carrier is over, and not because it was told to `end`. */
  ended(ending: Ending): void {
    if (this.isOver) return
    const wasOpen = this.isOpen
    this.#stop()
    if (wasOpen) this.live.detached(this, ending)
  }

  // What the session says.

  open(frame: OpenFrame, cursor: Cursor, record: SessionRecord): void {
    if (this.isOver) return
    this.#phase = 'open'
    if (record.k === this.k) this.turn = record.turn
    this.#delivery = new Delivery(this, cursor, record.epoch)
    this.write(`o${JSON.stringify(frame)}`)
    if (this.carrier.medium === 'answer') this.#askWithAnswer(record)
    this.#hasNews = false
    const { node } = this.live
    const waitMs = this.#waitUntil - node.elapsedMs()
    if (this.carrier.medium === 'answer' && waitMs > 0) this.#cancelWait = node.host.after(waitMs, () => this.#delivery?.wake())
    this.#delivery.wake()
    this.#receiveEarly().catch((error) => node.host.report(error))
  }

  write(frame: string | Uint8Array): void {
    if (!this.isOpen) return
    this.#liveness.wrote(frame.length, this.live.node.elapsedMs())
    this.#hasNews = true
    // A client that hears nothing while something long is on its way must not take that for silence (rule 7).
    if (frame.length > longFrame) this.carrier.write(`h${JSON.stringify({ comingBytes: frame.length })}`)
    this.carrier.write(frame)
  }

  /** Something that is no message: what has been done, what has to be sent again. */
  tell(frame: string): void {
    if (!this.isOpen) return
    this.write(frame)
    if (this.carrier.medium === 'answer') this.#delivery?.wake()
  }

  /** What is above `taken` was lost with the node that had taken it (rule 2). */
  back(taken: number): void {
    this.#isAwaiting = true
    this.tell(`r${taken}`)
  }

  /** The offset in stream 0 up to which everything has been written. */
  get writtenThrough(): number {
    return this.#delivery?.at ?? 0
  }

  sent(message: Stored): void {
    this.#delivery?.sent(message)
  }

  appended(tail: number): void {
    this.#delivery?.appended(tail)
  }

  privateChanged(): void {
    this.#delivery?.privateChanged()
  }

  /** Ends it at once. */
  end(close: CloseFrame): void {
    if (this.isOver) return
    const wasOpen = this.isOpen
    this.#stop()
    this.carrier.end(close)
    if (wasOpen) this.live.detached(this, { by: 'server', code: close.code, reason: close.reason ?? '' })
  }

  /** Ends it as soon as it has been brought all that was sent to the session before. */
  endWhenDelivered(close: CloseFrame): void {
    if (this.#phase !== 'open') return
    this.#phase = 'parting'
    this.#close = close
    this.#since = this.live.node.elapsedMs()
    this.live.tickSoon()
    this.#delivery?.privateChanged()
  }

  /** The client's last word on it, where there is no Close frame. */
  hangUp(ending: Ending): void {
    if (this.isOver) return
    this.ended(ending)
    this.carrier.end()
  }

  /** The node is gone. The carrier is left as it is. */
  abandon(): void {
    this.#stop()
  }

  /** When `tick` has something to do at the earliest, by the node's own time. */
  dueAt(): number {
    if (this.#phase === 'parting') return this.#since + partingMs
    if (this.#phase !== 'open' || this.carrier.medium === 'answer') return Infinity
    const { node } = this.live
    const leftMs = authenticatedUntil(this.record, node.settings.reauthenticateMs) - node.host.now()
    const dueAt = Math.min(this.#liveness.dueAt(this.carrier, node.settings), node.elapsedMs() + leftMs - mostLeadMs)
    return this.turn === 0 ? Math.min(dueAt, this.#since + confirmWithinMs) : dueAt
  }

  /** Time has passed. */
  tick(): void {
    const { node } = this.live
    const now = node.elapsedMs()
    if (this.isOpen) this.#delivery?.tick()
    if (this.#phase === 'parting' && now - this.#since > partingMs && this.#close) {
      this.end(this.#close)
      return
    }
    if (this.#phase !== 'open' || this.carrier.medium === 'answer') return
    const isLate = this.turn === 0 && now - this.#since > confirmWithinMs
    const wrong = this.#liveness.tick(this.carrier, now, node.settings) ?? (isLate ? 'not confirmed' : null)
    if (wrong) this.end({ code: codes.silent, reason: wrong })
    else this.#checkCredentials()
  }

  /** The client gives fresh credentials, over a carrier that has no requests of its own (otherwise they are in the next hello). */
  authenticate(auth: unknown): void {
    const check = this.#check
    if (!this.#reauthenticate || !check?.isAwaiting) return
    check.answered()
    this.#reauthenticate(auth).then(
      (principal) => {
        if (this.isOver) return
        if (!('id' in principal)) this.end(principal)
        else if (principal.id !== this.record.principalId) this.end({ code: codes.unauthenticated, reason: 'another principal' })
        else this.live.processor.authenticated(principal)
      },
      (error) => this.live.node.host.report(error),
    )
  }

  /** The client has shown elsewhere that it lives. */
  activity(): void {
    this.#liveness.activity(this.live.node.elapsedMs())
  }

  // What the delivery says.

  settled(): void {
    this.live.delivered()
    if (!this.carrier.isDraining() && this.carrier.medium !== 'answer') {
      this.#liveness.stuck(this.live.node.elapsedMs())
      this.live.tickSoon()
    }
    if (this.#phase === 'parting' && this.#close && this.#delivery?.isCaughtUp) {
      this.end(this.#close)
      return
    }
    if (this.carrier.medium !== 'answer') return
    const isFull = !this.carrier.isDraining()
    const isDue = this.#hasNews || this.live.node.elapsedMs() >= this.#waitUntil
    if (!isFull && (this.#phase === 'parting' || !isDue)) return
    this.#stop()
    this.carrier.end()
    this.live.answered(this)
  }

  storeDiffers(): void {
    this.live.processor.refresh()
  }

  failed(error: unknown): void {
    this.live.node.host.report(error)
    this.live.retryLater()
  }

  // What comes of the messages that it brought.

  outOfOrder({ n }: Incoming, { taken, redeliveredThrough }: SessionRecord): void {
    if (this.#isAwaiting || n <= Math.max(taken, redeliveredThrough) + 1) return
    this.end({ code: codes.protocolError, reason: 'a message is missing' })
  }

  inOrder(): void {
    this.#isAwaiting = false
  }

  #checkCredentials(): void {
    const { host, settings } = this.live.node
    const until = authenticatedUntil(this.record, settings.reauthenticateMs)
    if (until === Infinity) return
    this.#check ??= new CredentialCheck()
    const due = this.#check.tick(until, host.now())
    if (due === 'ask') this.write('c{}')
    else if (due === 'end') this.end({ code: codes.unauthenticated, reason: 'the credentials have expired' })
  }

  /** Who polls is asked in time, and no answer is held for longer than the credentials hold. */
  #askWithAnswer(record: SessionRecord): void {
    const { node } = this.live
    const now = node.host.now()
    this.#waitUntil = Math.min(this.#waitUntil, node.elapsedMs() + authenticatedUntil(record) - now)
    if (isNearExpiry(record, now)) this.write('c{}')
  }

  #receive(said: string | Uint8Array): void {
    if (this.isOver) return
    if (this.isOpen && !this.#early) {
      receiveFrame(this, said)
      return
    }
    // What comes with the hello has to wait until the session is known, and what comes then until that has been heard.
    this.#early ??= []
    this.#early.push(said)
    this.#earlyLength += said.length
    if (this.#earlyLength > this.live.node.settings.limits.maxBatchBytes)
      this.end({ code: codes.tooLarge, reason: 'too much before the session is open' })
  }

  async #receiveEarly(): Promise<void> {
    const early = this.#early
    const { slices } = this.live.node
    for (let index = 0; index < (early?.length ?? 0) && this.#early === early && this.isOpen; index += 1) {
      const said = early?.[index] ?? ''
      this.#earlyLength -= said.length
      receiveFrame(this, said)
      if (index % checkSliceEvery === checkSliceEvery - 1 && slices.isOver()) await slices.next()
    }
    if (this.#early === early) this.#early = null
  }

  #stop(): void {
    this.#phase = 'over'
    this.#early = null
    this.#cancelWait?.()
    this.#delivery?.stop()
  }
}
