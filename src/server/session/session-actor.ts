import { codes } from '../../wire/steadfast-v1.ts'
import { AckSender } from '../delivery/ack-sender.ts'
import type { AttachedSession } from '../delivery/attached-session.ts'
import type { Attachment } from '../delivery/attachment.ts'
import { Attachments } from '../delivery/attachments.ts'
import { Backpressure } from '../delivery/backpressure.ts'
import type { NodeContext } from '../node/node-context.ts'
import { renewEveryMs } from '../node/renewals.ts'
import type { Ending, SessionNews, SessionRecord, Stored, Watch } from '../store/ports.ts'
import { abortIn } from '../store/private-entries.ts'
import type { SessionCommands } from './commands-port.ts'
import { Inbox } from './inbox.ts'
import { closeOf, endsSession } from './join-request.ts'
import { amended, isHandling } from './record.ts'
import { type RecordListener, SessionProcessor } from './session-processor.ts'
import { expireSubscriptions } from './subscribe-client.ts'

/**
 * A session on one node, while any part of it is here: attachments, messages, or a caller that changes it. Several nodes may have
 * actors of the same session at the same time; their shared state is the record.
 */
export class SessionActor implements AttachedSession<Attachment>, RecordListener {
  readonly id: string
  readonly node: NodeContext
  readonly processor: SessionProcessor
  readonly inbox: Inbox
  readonly attachments = new Attachments()
  /** How many attachments are being admitted. */
  joining = 0
  readonly #acks: AckSender
  /** Created for the first message that is sent, or the first answer. */
  #backpressure: Backpressure | null = null
  #renewedAt = 0
  /** When the next tick is due, by the node's monotonic time. */
  #dueAt = 0
  #watch: Watch | null = null

  constructor(id: string, node: NodeContext, commands: SessionCommands) {
    this.id = id
    this.node = node
    this.processor = new SessionProcessor(id, node, commands, this)
    this.inbox = new Inbox(this.processor)
    this.#acks = new AckSender(this.processor, this.attachments)
  }

  start(): void {
    this.#watch = this.node.sessions.watch(this.id, (news) => this.#announced(news))
    // The record may have changed since it was read, before the watch was in force. A watch that fails announces `null` later.
    this.#watch.ready?.then(() => this.#announced(null)).catch((error) => this.node.host.report(error))
  }

  /** The node drops the actor. The carriers of its attachments stay open. */
  stop(): void {
    this.processor.stop()
    this.#watch?.stop()
    this.#backpressure?.stop()
    this.attachments.abandon()
  }

  get hasAttachments(): boolean {
    return this.attachments.size > 0
  }

  /** Whether handlers run or are about to, or an attachment is being admitted. */
  get isBusy(): boolean {
    return this.processor.isBusy || this.joining > 0
  }

  /** Whether nothing of the session remains on this node. */
  get isOver(): boolean {
    return !this.hasAttachments && !this.isBusy && !this.processor.queue?.isHome && !this.#backpressure?.isReturning
  }

  // Events of attachments.

  /** An attachment is admitted, and opens now. */
  attached(attachment: Attachment): void {
    this.attachments.endOthersOf(attachment)
    if (!this.hasAttachments) this.#acks.restart(this.processor.record.done)
    this.#backpressure?.attached()
    this.attachments.add(attachment)
    this.#reportPresence()
    this.tickSoon()
  }

  delivered(): void {
    this.#backpressure?.written()
  }

  /** Only a close by the application ends the session with its attachment (rule 8). */
  detached(attachment: Attachment, ending: Ending | null): void {
    if (!ending) this.#openBackpressure().answered(attachment)
    this.attachments.remove(attachment)
    this.delivered()
    this.#reportPresence()
    if (!ending) return
    const { known } = this.processor
    if (ending.by === 'client' && endsSession(ending, known)) {
      this.processor.finish(ending)
      return
    }
    if (known?.ended && ending.code === closeOf(known.ended, known, 'live').code) this.node.undeliveredEnds.delivered(this.id)
    if (ending.code === codes.moved || attachment.turn === 0 || !known || known.ended) return
    this.processor.writer.amend((record) => (record.k === attachment.k ? amended(record, { lastEnd: ending }) : record))
  }

  storeFailed(error: unknown): void {
    this.node.host.report(error)
    this.processor.writer.invalidate()
    this.tickSoon()
  }

  tickSoon(): void {
    this.#dueAt = 0
  }

  /** The client has reported, in a POST, that its attachment `k`, or the whole session, has ended. */
  hangUp(k: number, ending: Ending): void {
    if (endsSession(ending, this.processor.known)) {
      this.processor.finish(ending)
      return
    }
    this.releaseSenders()
    this.attachments.hangUp(k, ending)
  }

  /** A message was sent from this node. */
  sent(message: Stored): Promise<void> | null {
    this.attachments.sent(message)
    return this.#openBackpressure().sent(message)
  }

  /** No client is expected on this node: releases the senders that wait for one. */
  releaseSenders(): void {
    this.#backpressure?.releaseSenders()
  }

  /** Whether a tick would have nothing to do; `now` is of the node's monotonic clock. True for most sessions most of the time. */
  isAtRest(now: number): boolean {
    const { hasAttachments, isBusy, processor, inbox } = this
    if (now >= this.#dueAt || isBusy || !inbox.isQuiet || processor.writer.isStale) return false
    if (!processor.known?.lease) return hasAttachments
    return processor.known.isPinned === true && (hasAttachments || processor.queue?.isHome === true) && !processor.isLeaseDue
  }

  /** Called every tick; `now` is of the store's clock. */
  tick(now: number): void {
    const { id, node, processor, attachments } = this
    const { settings } = node
    const { writer } = processor
    attachments.tick()
    this.#backpressure?.tick()
    const inMs = Math.min(renewEveryMs(settings), expireSubscriptions(processor, now))
    this.#dueAt = Math.min(node.elapsedMs() + inMs, attachments.dueAt())
    this.inbox.tick()
    if (this.isBusy || writer.isStale || processor.isLeaseDue) writer.settle()
    if (!this.hasAttachments || now - Math.max(this.#renewedAt, writer.writtenAt) < renewEveryMs(settings)) return
    this.#renewedAt = now
    if (!processor.known?.turn) return
    node.renewals.add(id, (state) => {
      // An announcement may have been lost.
      processor.refresh(state?.version ?? 0)
      if (state) attachments.appended(state.tail)
    })
  }

  // Events of the record's writer.

  changed(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void {
    if (record.ended) {
      this.releaseSenders()
      this.node.unread.over(this.id)
      // The session expires as its record says.
      this.node.renewals.drop(this.id)
    }
    this.#reportPresence()
    if (before?.subscriptions !== record.subscriptions) this.tickSoon()
    if (!before || before.epoch !== record.epoch) {
      this.#acks.restart(record.done)
      this.inbox.restart()
      return
    }
    if (record.done < before.done) this.vanished()
    if (how === 'read') this.attachments.activity() // The client may have been on the node that changed the record.
    this.attachments.recordChanged(before, record)
    this.#acks.sendAck(record.ended !== null)
    if (record.ended && !before.ended && how === 'written') this.node.undeliveredEnds.add(this, before, record)
    if (record.ended && !before.ended) this.attachments.endWhenDelivered(closeOf(record.ended, record, 'live'))
    else if (record.ended && isHandling(before)) this.attachments.handled()
  }

  vanished(): void {
    this.node.unread.over(this.id)
    if (this.hasAttachments) {
      const close = { code: codes.restarting, reason: 'session lost', retryAfterMs: this.node.pauseMs() }
      this.attachments.endAll(() => close)
    }
    this.releaseSenders()
  }

  /** The store's watch has announced a change of the session; `null`: it may have missed some. */
  #announced(news: SessionNews): void {
    if (news === null) {
      this.attachments.privateChanged()
      this.processor.refresh()
    } else if ('version' in news) this.processor.refresh(news.version)
    else {
      const isSame = news.epoch === this.processor.known?.epoch
      if (isSame) this.processor.queue?.abort(abortIn(news.entry))
      this.attachments.appended(news.tail, isSame && news.entry ? news.entry : null)
    }
  }

  /** Reports whether the client is present here; a polling client counts as present until its next poll is overdue. */
  #reportPresence(): void {
    const { processor, node, hasAttachments, attachments } = this
    const { known } = processor
    if (known) node.presence.sessionChanged(processor, hasAttachments, attachments.has(known.k))
  }

  #openBackpressure(): Backpressure {
    this.#backpressure ??= new Backpressure(this.node, this.attachments)
    return this.#backpressure
  }
}
