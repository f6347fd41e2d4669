import { codes } from '../../wire/steadfast-v1.ts'
import { attachedUntil, type NodeContext } from '../node/node-context.ts'
import type { SessionRecord, Versioned } from '../store/ports.ts'
import { Queue } from '../util/queue.ts'
import { isThenable } from '../util/thenable.ts'
import type { HandlerQueue } from './handler-queue.ts'
import { type Authentication, answerJoin, isForgotten, type JoinRequest, joined, newRecord } from './join-request.ts'
import { type Claimant, reconcile } from './record.ts'

/** A session never confirmed is forgotten after so long (rule 8). */
const unconfirmedMs = 15_000

/** So many joins, and so many amendments, come together in one write; what is more waits for the next one. */
const mostAtOnce = 500

/** A version that no record has. */
const unknown = -1

/** What became of a change; no record: the session is over or was never there. */
export type Outcome = { readonly record: SessionRecord | null } | { readonly error: unknown }

/** A change of the record that somebody asks for. */
export interface Amendment {
  /** Makes the record as it shall be; may be asked again if another node was first. What it throws is the asker's. */
  change(record: SessionRecord): SessionRecord
  /** Who asked, if somebody waits. Where the store fails he is told; what nobody waits for is tried again. */
  readonly settled: ((outcome: Outcome) => void) | null
}

/** Whose record it is. */
export interface RecordOwner {
  readonly hasAttachments: boolean
  /** What this node does for the session, if anything. */
  readonly queue: HandlerQueue | null
  openQueue(): HandlerQueue
  /** The record is another than before; it was read (somebody else wrote it), written, or made here. */
  noticed(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void
  /** There is no record any more, or that of another session under this id. */
  vanished(): void
}

/**
 * All that one node does to one session's record goes through here, one thing after the other, and in one write where it
 * comes together: taking messages, settling what is done, letting in, changing.
 */
export class RecordWriter {
  readonly #id: string
  readonly #node: NodeContext
  readonly #owner: RecordOwner
  #current: Versioned | null = null
  #state: 'resting' | 'settling' | 'unsettled' = 'resting'
  /** The version that the record is said to have by now; `unknown` where it may have any, `null` once it has been read. */
  #announced: number | null = unknown
  /** More waits than comes together in one write. */
  #isLong = false
  /** There is something to be done even if it has not. */
  #isDue = false
  #joins: Queue<JoinRequest> | null = null
  #amendments: Queue<Amendment> | null = null
  writtenAt = 0

  constructor(id: string, node: NodeContext, owner: RecordOwner) {
    this.#id = id
    this.#node = node
    this.#owner = owner
  }

  get record(): SessionRecord | null {
    return this.#current?.record ?? null
  }

  /** Nothing is asked of it. */
  get isIdle(): boolean {
    return this.#state === 'resting' && !this.#joins && !this.#amendments
  }

  /** Whether the record may have been changed by another node. */
  get isStale(): boolean {
    return this.#announced !== null && this.#announced !== this.#current?.version
  }

  join(join: JoinRequest): void {
    this.#joins ??= new Queue()
    this.#joins.push(join)
    this.#announced = unknown
    this.settle()
  }

  amend(amendment: Amendment): void {
    this.#amendments ??= new Queue()
    this.#amendments.push(amendment)
    this.settle()
  }

  /** Reads the record again, unless it is of a version that is known here, and acts on it if it has changed. */
  refresh(version: number = unknown): void {
    // Most often we hear of what we have written ourselves.
    if (version === this.#current?.version && !this.isStale) return
    // One of two may be our own, and the other be told too early.
    this.#announced = this.isStale && this.#announced !== version ? unknown : version
    this.#start()
  }

  /** With the next occasion, it reads the record again. */
  invalidate(): void {
    this.#announced = unknown
  }

  /** Brings the record and what this node knows together. */
  settle(): void {
    this.#isDue = true
    this.#start()
  }

  #start(): void {
    if (this.#state !== 'resting') {
      this.#state = 'unsettled'
      return
    }
    this.#state = 'settling'
    this.#settleOn().catch((error) => {
      this.#state = 'resting'
      this.#announced = unknown
      this.#isDue = true
      this.#owner.queue?.release()
      this.#node.host.report(error)
      this.#refuseAll(error)
    })
  }

  /** Another node was first. */
  #again(): void {
    this.#owner.queue?.release()
    this.#announced = unknown
    this.settle()
  }

  async #settleOn(): Promise<void> {
    for (;;) {
      await this.#settleOnce()
      if (this.#node.isDown) return
      if (this.#state === 'settling') break
      this.#state = 'settling'
      if (this.#isLong && this.#node.slices.isOver()) {
        await this.#node.slices.next()
        if (this.#node.isDown) return
      }
    }
    this.#state = 'resting'
  }

  async #settleOnce(): Promise<void> {
    const node = this.#node
    const isDue = this.#isDue
    this.#isDue = false
    const before = this.#current?.version
    if (this.isStale || !this.#current) {
      this.#announced = null
      const read = await node.sessions.read(this.#id)
      if (node.isDown) return
      this.#see(read, 'read')
    }
    // It was told of again, or told of while it was written.
    if (!isDue && !this.#isDue && before !== undefined && before === this.#current?.version) return
    const current = this.#current
    if (!current) return this.#nobody()
    if (this.#joins && isForgotten(current.record)) return this.#create(this.#joins, current.version)
    return this.#goOn(current)
  }

  async #goOn({ record: before, version: ifVersion }: Versioned): Promise<void> {
    const node = this.#node
    const claimant = this.#claimant()
    const step = reconcile(before, claimant)
    // Copied: what is asked for while this is written waits for the next turn.
    const joins = this.#joins?.peek(mostAtOnce) ?? []
    const amendments = this.#amendments?.peek(mostAtOnce) ?? []
    let { record } = step
    for (const join of joins) record = joined(record, join, this.#authentication())
    const outcomes: Outcome[] = []
    for (const { change } of amendments) {
      const outcome = before.ended ? { record: null } : outcomeOf(change, record)
      if ('record' in outcome && outcome.record) record = outcome.record
      outcomes.push(outcome)
    }
    const mustTouch = !this.#owner.hasAttachments && joins.some((join) => join.isKeepAlive)
    if (record !== before || mustTouch) {
      const now = node.sessions.now()
      const answer = node.sessions.write(this.#id, record, ifVersion, this.#expiry(record, now))
      const version = isThenable(answer) ? await answer : answer
      if (node.isDown) return
      if (version === null) return this.#again()
      this.writtenAt = now
      this.#see({ record, version }, 'written')
      // To be forgotten is to be as if it had never been: once `onEnd` is done nobody needs it, not even the next sweep.
      if (isForgotten(record) && !record.lease) this.#forget(version)
    } else if (joins.length > 0 && !record.ended) this.#renew(record)
    this.#joins = rest(this.#joins, joins.length)
    this.#amendments = rest(this.#amendments, amendments.length)
    const isOurs = record.lease?.node === node.id
    if (isOurs || this.#owner.queue) this.#owner.openQueue().apply(step, record)
    for (const join of joins) answerJoin(join, record, 'known')
    for (const [index, { settled }] of amendments.entries()) settled?.(outcomes[index] ?? { record })
    this.#isLong = joins.length === mostAtOnce || amendments.length === mostAtOnce
    if (this.#joins || this.#amendments) this.settle()
  }

  /** Who polls is never here when time passes, and writes nothing: to come is all that keeps such a session. */
  #renew(record: SessionRecord): void {
    const { sessions, host } = this.#node
    sessions.renew(this.#id, this.#expiry(record, sessions.now())).catch((error) => host.report(error))
  }

  /** Whoever enters has been authenticated just now. */
  #authentication(): Authentication {
    const { host, settings } = this.#node
    return { now: host.now(), reauthenticateMs: settings.reauthenticateMs ?? Infinity }
  }

  #forget(version: number): void {
    const { sessions, host } = this.#node
    sessions.remove(this.#id, version).catch((error) => host.report(error))
  }

  #claimant(): Claimant {
    const { id, sessions, settings, handlers } = this.#node
    const { queue } = this.#owner
    return {
      node: id,
      now: sessions.now(),
      leaseMs: settings.leaseMs,
      leaseWork: queue?.leaseWork ?? null,
      pending: queue?.claim() ?? [],
      wantedEnd: queue?.wantedEnd ?? null,
      hasOnSession: handlers.onSession !== undefined,
      hasOnEnd: handlers.onEnd !== undefined,
    }
  }

  /** There is no such session: who may found one does, everybody else is told. */
  async #nobody(): Promise<void> {
    this.#owner.queue?.drop()
    const amendments = this.#amendments?.peek(Infinity) ?? []
    this.#amendments = null
    for (const { settled } of amendments) settled?.({ record: null })
    if (this.#joins) await this.#create(this.#joins, 0)
  }

  async #create(joins: Queue<JoinRequest>, ifVersion: number): Promise<void> {
    const node = this.#node
    const join = joins.first
    if (!join) return
    if (!join.mayCreate) return this.#unknown(joins.peek(mostAtOnce))
    const refusal = await node.roomFor(join.principal)
    if (node.isDown) return
    if (!refusal) {
      const now = node.sessions.now()
      const lease = node.handlers.onSession ? { node: node.id, until: now + node.settings.leaseMs } : null
      const record = newRecord(join, node.host.randomId(), lease, this.#authentication())
      const version = await node.sessions.write(this.#id, record, ifVersion, this.#expiry(record, now))
      if (node.isDown) return
      if (version === null) return this.#again()
      this.writtenAt = now
      this.#owner.queue?.drop()
      this.#see({ record, version }, 'created')
      if (lease) this.#owner.openQueue().begin(record.taken)
    }
    this.#joins = rest(this.#joins, 1)
    if (refusal) join.refused(refusal)
    else if (this.#current) answerJoin(join, this.#current.record, 'created')
    if (this.#joins) this.settle()
  }

  /** They have an attachment somewhere that will learn of the loss. */
  #unknown(first: readonly JoinRequest[]): void {
    const founder = first.findIndex(({ mayCreate }) => mayCreate)
    const joins = founder < 0 ? first : first.slice(0, founder)
    this.#joins = rest(this.#joins, joins.length)
    for (const join of joins) join.refused({ code: codes.restarting, reason: 'unknown' })
    this.#isLong = this.#joins !== null
    if (this.#joins) this.settle()
  }

  /** Takes notice of the record as it is now. */
  #see(next: Versioned | null, how: 'read' | 'written' | 'created'): void {
    const before = this.#current
    this.#current = next
    if (before && before.version === next?.version) return
    if (before && next?.record.epoch !== before.record.epoch) this.#owner.vanished()
    if (next) this.#owner.noticed(before?.record ?? null, next.record, how)
  }

  #refuseAll(error: unknown): void {
    const close = { code: codes.restarting, reason: 'store unavailable', retryAfterMs: this.#node.pauseMs() }
    const joins = this.#joins?.peek(Infinity) ?? []
    const amendments = this.#amendments?.peek(Infinity) ?? []
    this.#joins = null
    this.#amendments = null
    for (const amendment of amendments) {
      if (amendment.settled) continue
      this.#amendments ??= new Queue()
      this.#amendments.push(amendment)
    }
    for (const join of joins) join.refused(close)
    for (const { settled } of amendments) settled?.({ error })
  }

  #expiry(record: SessionRecord, now: number): number {
    const { settings } = this.#node
    const { resumeWindowMs, leaseMs } = settings
    if (isForgotten(record)) return now + 2 * leaseMs
    if (record.turn === 0 && !record.ended) return now + Math.min(unconfirmedMs, resumeWindowMs)
    // How the last attachment ended is forgotten as soon as there is another, here or elsewhere.
    return record.ended || record.lastEnd ? now + resumeWindowMs : attachedUntil(now, settings)
  }
}

function outcomeOf(change: Amendment['change'], record: SessionRecord): Outcome {
  try {
    return { record: change(record) }
  } catch (error) {
    return { error }
  }
}

function rest<Item>(queue: Queue<Item> | null, done: number): Queue<Item> | null {
  queue?.drop(done)
  return queue && queue.length > 0 ? queue : null
}
