import { codes } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { callPresenceHandler, callUnawaited } from './call-handler.ts'
import type { SessionCommands } from './commands-port.ts'
import type { HandledSession } from './handled-session.ts'
import { HandlerQueue } from './handler-queue.ts'
import { authenticated, authenticationNow } from './join-request.ts'
import type { Claim, Claimant, Step } from './record.ts'
import { type RecordPort, RecordWriter } from './record-writer.ts'
import { type Principal, SessionHandle } from './session-handle.ts'

/** How a session ends that the store has lost. */
const lost: Ending = { by: 'network', code: codes.silent, reason: 'lost' }
const noWork: Claim = { leaseWork: null, pending: [], wantedEnd: null }

/** Receives changes of the session's record. */
export type RecordListener = Pick<RecordPort, 'hasAttachments' | 'changed' | 'vanished'>

/**
 * The handlers and the record of one session on this node. It passes work from the handler queue to the next write, and the
 * result back; the queue and the record's writer do not know each other.
 */
export class SessionProcessor implements HandledSession, RecordPort {
  readonly id: string
  readonly node: NodeContext
  readonly writer: RecordWriter
  readonly #commands: SessionCommands
  readonly #listener: RecordListener
  #isStopped = false
  #queue: HandlerQueue | null = null
  #handle: SessionHandle | null = null

  constructor(id: string, node: NodeContext, commands: SessionCommands, listener: RecordListener) {
    this.id = id
    this.node = node
    this.#commands = commands
    this.#listener = listener
    this.writer = new RecordWriter(this)
  }

  /** The record as this node last knew it; present while there are attachments or handlers. */
  get record(): SessionRecord {
    const { record } = this.writer
    if (!record) throw new Error('RealtimeServer: the session is not known yet.')
    return record
  }

  get known(): SessionRecord | null {
    return this.writer.record
  }

  get handle(): SessionHandle {
    this.#handle ??= new SessionHandle(this.#commands, this.id, this.record)
    return this.#handle
  }

  /** Whether a write is under way or due, or handlers run or are about to. */
  get isBusy(): boolean {
    return !this.writer.isIdle || this.#queue?.isIdle === false
  }

  /** Whether the record's lease has to be renewed, or its node has died. */
  get isLeaseDue(): boolean {
    const { node, known } = this
    if (!known?.lease) return false
    const heldMs = node.heldUntil(known) - node.sessions.now()
    return heldMs <= (!known.isPinned && node.isHolder(known) ? node.settings.leaseMs / 2 : 0)
  }

  /** `null` until this node takes messages of the session: most sessions never send anything. */
  get queue(): HandlerQueue | null {
    return this.#queue
  }

  openQueue(): HandlerQueue {
    this.#queue ??= new HandlerQueue(this)
    return this.#queue
  }

  /** Reads the record again, unless this node knows that version, and acts on a change. */
  refresh(version?: number): void {
    // The store may answer a renewal late: then this node may have another actor, whose lease this one would give up.
    if (!this.#isStopped) this.writer.refresh(version)
  }

  /** The node drops the session's actor. */
  stop(): void {
    this.#isStopped = true
    this.#queue?.pending.leave()
  }

  /** The application has authenticated the client again. */
  authenticated(principal: Principal): void {
    const authentication = authenticationNow(this.node)
    this.writer.amend((record) => authenticated(record, principal, authentication))
  }

  /** Ends the session. If the client ends it, the messages that it sent before are taken first. */
  finish(ending: Ending): void {
    this.openQueue().wantedEnd ??= ending
    this.writer.settle()
  }

  /** The client did not return in time. Resolves when the record says so; `onEnd` may still run then. */
  expire(): Promise<void> {
    this.finish({ by: 'network', code: codes.silent, reason: 'expired' })
    return new Promise((resolve) => {
      this.writer.amend(
        (record) => record,
        () => resolve(),
      )
    })
  }

  // Events of the handler queue.

  progressed(): void {
    this.writer.settle()
  }

  endedElsewhere(ended: Ending | null): void {
    const handle = this.#handle
    if (handle) callUnawaited(this.node.host, () => this.node.handlers.onEnd?.(handle, ended ?? lost))
  }

  // Questions and events of the record's writer.

  get hasAttachments(): boolean {
    return this.#listener.hasAttachments
  }

  claim(record: SessionRecord): Claimant {
    const { sessions, settings, handlers } = this.node
    // V8 copies a spread slowly here: it took a tenth of the time for a message.
    const { leaseWork, pending, wantedEnd } = this.#queue?.claim() ?? noWork
    return {
      leaseWork,
      pending,
      wantedEnd,
      node: this.node.nameFor(record),
      heldUntil: this.node.heldUntil(record),
      now: sessions.now(),
      leaseMs: settings.leaseMs,
      hasOnSession: handlers.onSession !== undefined,
      hasOnEnd: handlers.onEnd !== undefined,
    }
  }

  applied(step: Step, record: SessionRecord): void {
    if (this.#queue || this.node.isHolder(record)) this.openQueue().apply(step, record)
  }

  released(): void {
    this.#queue?.pending.release()
  }

  changed(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void {
    const isCreated = how === 'created'
    if (isCreated) this.#queue?.drop()
    this.#listener.changed(before, record, how)
    if (isCreated && record.lease) this.openQueue().begin(record.taken)
    if (how !== 'read') callPresenceHandler(this, before, record)
  }

  vanished(): void {
    this.#queue?.drop()
    this.#handle = null
    this.#listener.vanished()
  }
}
