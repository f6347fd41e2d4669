import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { AttachedSession, Attachment } from '../delivery/attachment.ts'
import type { Cursor } from '../delivery/parse-frames.ts'
import { Unwritten } from '../delivery/unwritten.ts'
import { ackEveryMs } from '../node/ack-timer.ts'
import { attachedUntil, type NodeContext, renewEveryMs } from '../node/node-context.ts'
import type { Ending, SessionNews, SessionRecord, Stored } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import { type HandledSession, HandlerQueue } from './handler-queue.ts'
import { authenticated, authenticationNow, closeOf, type JoinRequest } from './join-request.ts'
import { amended, type Claim, confirmed, type Incoming, type Step } from './record.ts'
import type { Amendment, Outcome } from './record-requests.ts'
import { type RecordPort, RecordWriter } from './record-writer.ts'
import { type Principal, type Session, type SessionCommands, SessionHandle } from './session-handle.ts'

/** So long after an answer its client, which asks again and again, counts as attached: polls come every few seconds. */
const returnsWithinMs = 10_000

const noWork: Claim = { leaseWork: null, pending: [], wantedEnd: null }

/** So much may be sent in a row to a client that is not here. */
const unheardBytes = 1_048_576

/**
 * A session as one node has it while something of it is here: attachments, messages, or somebody who changes it. Another
 * node may have others of the same session at the same time; they meet in the record.
 */
export class SessionActor implements AttachedSession, HandledSession, RecordPort {
  readonly id: string
  readonly node: NodeContext
  readonly attachments: Attachment[] = []
  #queue: HandlerQueue | null = null
  readonly #commands: SessionCommands
  readonly #writer: RecordWriter
  #handle: SessionHandle | null = null
  /** Frames and messages that came faster than they may; each tick lets some pass. */
  #frames = 0
  #messages = 0
  /** Attachments that are being let in. */
  joining = 0
  #sentAck = 0
  #sentAckAt = -ackEveryMs
  #renewedAt = 0
  /** When a tick has something to do, by the node's own time. */
  #dueAt = 0
  #trimmedThrough = 0
  /** Something has been sent of which the store has not told yet. */
  #hasSent = false
  #unwritten: Unwritten | null = null
  /** What was sent in a row while no client was here. */
  #unheardBytes = 0
  /** How far the last answer brought a client that is about to ask again, and when. */
  #answered: { readonly through: number; readonly at: number } | null = null
  #stopWatching: (() => void) | null = null

  constructor(id: string, node: NodeContext, commands: SessionCommands) {
    this.id = id
    this.node = node
    this.#commands = commands
    this.#writer = new RecordWriter(id, node, this)
  }

  start(): void {
    this.#stopWatching = this.node.sessions.watch(this.id, (news) => this.#announced(news))
  }

  /** The record as this node last knew it; there is one as long as there are attachments or handlers. */
  get record(): SessionRecord {
    const { record } = this.#writer
    if (!record) throw new Error('RealtimeServer: the session is not known yet.')
    return record
  }

  get known(): SessionRecord | null {
    return this.#writer.record
  }

  get handle(): Session {
    this.#handle ??= new SessionHandle(this.#commands, this.id, this.record)
    return this.#handle
  }

  get hasAttachments(): boolean {
    return this.attachments.length > 0
  }

  /** Whether handlers run or are about to, or somebody is being let in. */
  get isBusy(): boolean {
    return !this.#writer.isIdle || this.#queue?.isIdle === false || this.joining > 0
  }

  /** Whether the client of an answer is about to ask again: whoever sends to it waits for it as for one that is attached. */
  get isReturning(): boolean {
    return this.#answered !== null && this.node.elapsedMs() - this.#answered.at < returnsWithinMs
  }

  /** Attachments that are let in, or are being let in. */
  get places(): number {
    return this.attachments.length + this.joining
  }

  stop(): void {
    this.#queue?.stop()
    this.#stopWatching?.()
    this.#unwritten?.written(Infinity)
  }

  #openQueue(): HandlerQueue {
    this.#queue ??= new HandlerQueue(this)
    return this.#queue
  }

  /** Somebody wants to attach, or to send. */
  join(join: JoinRequest): void {
    this.#writer.join(join)
  }

  amend(change: Amendment['change'], settled: ((outcome: Outcome) => void) | null = null): void {
    this.#writer.amend({ change, settled })
  }

  settle(): void {
    this.#writer.settle()
  }

  progressed(): void {
    this.#writer.settle()
  }

  refresh(): void {
    this.#writer.refresh()
  }

  retryLater(): void {
    this.#writer.invalidate()
    this.tickSoon()
  }

  enqueue(message: Incoming): void {
    this.#openQueue().add(message)
  }

  /** A source waits no longer for so many messages that it brought. */
  withdrawn(messages: number): void {
    this.#queue?.withdrawn(messages)
  }

  mayReceive(): boolean {
    this.#frames += 1
    return this.#frames <= 4 * this.node.settings.limits.framesPerSecond
  }

  authenticated(principal: Principal): void {
    const authentication = authenticationNow(this.node)
    this.amend((record) => authenticated(record, principal, authentication))
  }

  /** The client was refused where it had been let in before: nothing of it stays open, here or on another node. */
  revoke(): void {
    this.amend((record) => amended(record, { authenticatedAt: null }))
  }

  refusalOf(messages: number, bytes: number): CloseFrame | null {
    const inAll = this.#messages + messages
    const reason =
      inAll > 4 * this.node.settings.limits.messagesPerSecond
        ? 'too many messages'
        : this.#openQueue().fits(messages, bytes)
          ? null
          : 'too much is not handled yet'
    if (reason !== null) return { code: codes.tooMany, reason, retryAfterMs: this.node.pauseMs() }
    this.#messages = inAll
    return null
  }

  confirm(turn: number, k: number): void {
    if (turn > this.record.turn) this.amend((record) => confirmed(record, turn, k))
  }

  /** The session shall end. What the client sent before is taken first if it is the client that says so. */
  finish(ending: Ending): void {
    this.#openQueue().wantedEnd ??= ending
    this.settle()
  }

  /** Nobody came back in time. Resolves when the record says so; `onEnd` may run still. */
  expire(): Promise<void> {
    this.finish({ by: 'network', code: codes.silent, reason: 'expired' })
    return new Promise((resolve) => {
      this.amend(
        (record) => record,
        () => resolve(),
      )
    })
  }

  /** A message was sent from here: the first of a task goes at once, and what follows it together. */
  sent(message: Stored): Promise<void> | null {
    if (!this.#hasSent) {
      this.#hasSent = true
      for (const attachment of this.attachments) attachment.sent(message)
    }
    const through = this.#writtenThrough()
    if (through === Infinity) return this.#sentToNobody(bytesOf(message.data))
    if (through >= message.offset) return null
    this.#unwritten ??= new Unwritten()
    this.#unwritten.add(message.offset, bytesOf(message.data))
    return this.#unwritten.room()
  }

  /** Whoever sends much to a client that is not here must let the event loop go on, or that client could never come. */
  #sentToNobody(bytes: number): Promise<void> | null {
    this.#unheardBytes += bytes
    if (this.#unheardBytes < unheardBytes) return null
    this.#unheardBytes = 0
    return this.node.slices.next()
  }

  /** An attachment has written what it could. */
  delivered(): void {
    this.#unwritten?.written(this.#writtenThrough())
  }

  /** No client comes back, or not to this node: whoever sends waits no longer. */
  waitsForNobody(): void {
    this.#answered = null
    this.delivered()
  }

  /** The offset in stream 0 up to which some attachment has written everything; without any, nobody is waited for. */
  #writtenThrough(): number {
    let through = this.isReturning ? (this.#answered?.through ?? -1) : -1
    for (const { writtenThrough } of this.attachments) through = Math.max(through, writtenThrough)
    return through < 0 ? Infinity : through
  }

  acknowledged(cursor: Cursor, written: number): void {
    const place = cursor.get(0)
    if (!place || place.epoch !== this.record.epoch) return
    const through = Math.min(place.offset, written)
    if (through <= this.#trimmedThrough) return
    this.#trimmedThrough = through
    this.node.sessions.trim(this.id, through).catch((error) => this.node.host.report(error))
  }

  attached(attachment: Attachment): void {
    for (const other of [...this.attachments]) {
      if (other.k === attachment.k) other.end({ code: codes.moved, reason: 'moved' })
    }
    if (!this.hasAttachments) this.#sentAck = this.record.done
    this.#answered = null
    this.attachments.push(attachment)
    this.tickSoon()
  }

  answered(attachment: Attachment): void {
    this.#answered = { through: attachment.writtenThrough, at: this.node.elapsedMs() }
    this.#remove(attachment)
  }

  /** An attachment has ended. Only the application's own close ends the session with it (rule 8). */
  detached(attachment: Attachment, ending: Ending): void {
    this.#remove(attachment)
    if (ending.by === 'client' && isFinal(ending.code)) {
      this.finish(ending)
      return
    }
    if (ending.code === codes.moved || attachment.turn === 0 || !this.known || this.known.ended) return
    this.amend((record) => (record.k === attachment.k ? amended(record, { lastEnd: ending }) : record))
  }

  #remove(attachment: Attachment): void {
    const index = this.attachments.indexOf(attachment)
    if (index >= 0) this.attachments.splice(index, 1)
    this.delivered()
  }

  /** The client has said over another carrier that this one ends, or all of it. */
  ended(k: number, ending: Ending): void {
    if (isFinal(ending.code)) {
      this.finish(ending)
      return
    }
    this.waitsForNobody()
    for (const attachment of [...this.attachments]) if (attachment.k === k) attachment.hangUp(ending)
  }

  tickSoon(): void {
    this.#dueAt = 0
  }

  /** Whether a tick would find nothing to do, by the node's own time: so it is for most sessions most of the time. */
  isAtRest(now: number): boolean {
    const { isBusy, hasAttachments } = this
    return (
      now < this.#dueAt &&
      hasAttachments &&
      !isBusy &&
      this.#frames === 0 &&
      this.#messages === 0 &&
      !this.#writer.isStale &&
      !this.known?.lease
    )
  }

  /** The client has shown that it lives, by a request of its own or on another node. Over a socket only the socket counts. */
  activity(): void {
    for (const each of this.attachments) if (each.carrier.medium === 'stream') each.activity()
  }

  /** Time has passed; `now` is of the store's clock. */
  tick(now: number): void {
    for (const attachment of [...this.attachments]) attachment.tick()
    if (this.#answered && !this.isReturning) this.waitsForNobody()
    const { settings } = this.node
    this.#dueAt = this.node.elapsedMs() + renewEveryMs(settings)
    for (const attachment of this.attachments) this.#dueAt = Math.min(this.#dueAt, attachment.dueAt())
    const { leaseMs, tickMs, limits } = settings
    this.#frames = Math.max(0, this.#frames - (limits.framesPerSecond * tickMs) / 1000)
    this.#messages = Math.max(0, this.#messages - (limits.messagesPerSecond * tickMs) / 1000)
    const lease = this.known?.lease
    const isLeaseDue = lease && (lease.node === this.node.id ? lease.until - now <= leaseMs / 2 : lease.until <= now)
    if (this.isBusy || this.#writer.isStale || isLeaseDue) this.settle()
    if (!this.hasAttachments || now - Math.max(this.#renewedAt, this.#writer.writtenAt) < renewEveryMs(settings)) return
    this.#renewedAt = now
    if (this.known?.turn) {
      this.node.sessions.renew(this.id, attachedUntil(now, settings)).catch((error) => this.node.host.report(error))
    }
    // A watch that was lost on the way costs no more than this.
    for (const attachment of this.attachments) attachment.privateChanged()
    this.refresh()
  }

  /** Tells the client what is done; not more often than it is worth. */
  sendAck(): void {
    const done = this.known?.done ?? 0
    if (done <= this.#sentAck || !this.hasAttachments) return
    const now = this.node.elapsedMs()
    if (now - this.#sentAckAt < ackEveryMs) {
      this.node.acks.add(this)
      return
    }
    this.#sentAckAt = now
    this.#sentAck = done
    for (const attachment of [...this.attachments]) attachment.tell(`a${done}`)
  }

  claim(): Claim {
    return this.#queue?.claim() ?? noWork
  }

  applied(step: Step, record: SessionRecord): void {
    if (this.#queue || record.lease?.node === this.node.id) this.#openQueue().apply(step, record)
  }

  released(): void {
    this.#queue?.release()
  }

  changed(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void {
    const isCreated = how === 'created'
    if (isCreated) this.#queue?.drop()
    this.#notice(before, record, how)
    if (isCreated && record.lease) this.#openQueue().begin(record.taken)
  }

  #notice(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void {
    if (record.ended) this.waitsForNobody()
    if (!before || before.epoch !== record.epoch) {
      this.#sentAck = record.done
      this.#trimmedThrough = 0
      return
    }
    // Another node has changed it, so the client may have been there.
    if (how === 'read') this.activity()
    if (record.taken < before.taken) for (const each of [...this.attachments]) each.back(record.taken)
    if (record.turn > before.turn) this.#moved(record)
    if (record.authenticatedAt === null && before.authenticatedAt !== null) {
      for (const each of [...this.attachments]) each.end({ code: codes.unauthenticated, reason: 'not authenticated' })
    }
    if (record.subscriptions !== before.subscriptions) for (const each of this.attachments) each.privateChanged()
    if (record.done > this.#sentAck) this.sendAck()
    if (record.ended && !before.ended)
      for (const each of [...this.attachments]) each.endWhenDelivered(closeOf(record.ended, 'live'))
  }

  vanished(): void {
    this.#queue?.drop()
    this.#handle = null
    if (this.hasAttachments) {
      const close = { code: codes.restarting, reason: 'session lost', retryAfterMs: this.node.pauseMs() }
      for (const attachment of this.attachments.splice(0)) attachment.end(close)
    }
    this.waitsForNobody()
  }

  /** Rule 5: ends every other attachment that was confirmed before. */
  #moved({ turn, k }: SessionRecord): void {
    for (const attachment of [...this.attachments]) {
      if (attachment.k === k) attachment.turn = turn
      else if (attachment.turn > 0 && attachment.turn < turn) attachment.end({ code: codes.moved, reason: 'moved' })
    }
  }

  #announced(news: SessionNews): void {
    if ('version' in news) this.#writer.refresh(news.version)
    else {
      this.#hasSent = false
      for (const attachment of this.attachments) attachment.appended(news.tail)
    }
  }
}

/** Hanging up, going away, and a carrier that just ended are not the end of a session. */
function isFinal(code: number): boolean {
  return code === 1000 || (code >= 3000 && code !== codes.hungUp)
}
