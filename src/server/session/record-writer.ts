import { codes } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { SessionRecord, Versioned } from '../store/ports.ts'
import { isThenable } from '../util/thenable.ts'
import { answerJoin, authenticationNow, isForgotten, type JoinRequest, newRecord, refusalOfLost } from './join-request.ts'
import { type Claimant, reconcile, type Step } from './record.ts'
import { recordExpiry } from './record-expiry.ts'
import { type Amendment, emptyBatch, RecordRequests, requested } from './record-requests.ts'

/** A version that no record has. */
const unknown = -1

/** The session whose record is written: it provides the changes, and receives the writer's events. */
export interface RecordPort {
  readonly id: string
  readonly node: NodeContext
  readonly hasAttachments: boolean
  /** The work of this node that goes into the next write. The writer then calls either `applied` or `released`. */
  claim(record: SessionRecord): Claimant
  /** The step is in the store, or needed no write; `record` is the current record. */
  applied(step: Step, record: SessionRecord): void
  /** The step was not written. */
  released(): void
  /** The record has changed: it was read (another node wrote it), written here, or created here. */
  changed(before: SessionRecord | null, record: SessionRecord, how: 'read' | 'written' | 'created'): void
  /** The store no longer has the record, or has that of another session under the same id. */
  vanished(): void
}

/** Writes one session's record for this node, one compare-and-set at a time, which all waiting changes share. */
export class RecordWriter {
  readonly #session: RecordPort
  /** `null` at rest, so that an idle session holds no lists. */
  #requests: RecordRequests | null = null
  #current: Versioned | null = null
  /** `unsettled`: something has arrived during a write that needs another one. */
  #state: 'resting' | 'settling' | 'unsettled' = 'resting'
  /** The latest version that the store's watch has announced; `unknown` forces a read, `null`: that version was read. */
  #announced: number | null = unknown
  /** More requests wait than one write takes. */
  #isLong = false
  /** The next round writes this node's changes even if the record has not changed. */
  #isDue = false
  writtenAt = 0

  constructor(session: RecordPort) {
    this.#session = session
  }

  /** The record as this node last read or wrote it. */
  get record(): SessionRecord | null {
    return this.#current?.record ?? null
  }

  get isIdle(): boolean {
    return this.#state === 'resting' && !this.#requests
  }

  /** Whether another node may have changed the record. */
  get isStale(): boolean {
    return this.#announced !== null && this.#announced !== this.#current?.version
  }

  join(join: JoinRequest): void {
    this.#requests ??= new RecordRequests()
    this.#requests.join(join)
    this.#announced = unknown
    this.settle()
  }

  /** Changes the record; `settled` is called with the outcome. Both are those of an `Amendment`. */
  amend(change: Amendment['change'], settled: Amendment['settled'] = null): void {
    this.#requests ??= new RecordRequests()
    this.#requests.amend({ change, settled })
    this.settle()
  }

  /** Reads the record again, unless this node knows that version, and acts on a change. */
  refresh(version: number = unknown): void {
    // Most announcements are of this node's own writes.
    if (version === this.#current?.version && !this.isStale) return
    // If two versions were announced, one may be of this node's own write, announced before the write has returned.
    this.#announced = this.isStale && this.#announced !== version ? unknown : version
    this.#start()
  }

  /** The next round reads the record again. */
  invalidate(): void {
    this.#announced = unknown
  }

  /** Writes this node's changes into the record, now or right after the current write. */
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
    this.#settleAll().catch((error) => {
      this.#state = 'resting'
      this.#announced = unknown
      this.#isDue = true
      this.#session.released()
      this.#session.node.host.report(error)
      const retryAfterMs = this.#session.node.pauseMs()
      this.#requests?.fail(error, { code: codes.restarting, reason: 'store unavailable', retryAfterMs })
      if (this.#requests?.isEmpty) this.#requests = null
    })
  }

  /** Another node wrote first. */
  #again(): void {
    this.#session.released()
    this.#announced = unknown
    this.settle()
  }

  async #settleAll(): Promise<void> {
    for (;;) {
      await this.#settleOnce()
      if (this.#session.node.isDown) return
      if (this.#state === 'settling') break
      this.#state = 'settling'
      if (this.#isLong && this.#session.node.slices.isOver()) {
        await this.#session.node.slices.next()
        if (this.#session.node.isDown) return
      }
    }
    this.#state = 'resting'
    if (this.#requests?.isEmpty) this.#requests = null
  }

  async #settleOnce(): Promise<void> {
    const node = this.#session.node
    const isDue = this.#isDue
    this.#isDue = false
    const before = this.#current?.version
    if (this.isStale || !this.#current) {
      this.#announced = null
      const read = await node.sessions.read(this.#session.id)
      if (node.isDown) return
      this.#update(read, 'read')
    }
    // The announced version was known to this node already, or is that of its own write.
    if (!isDue && !this.#isDue && before !== undefined && before === this.#current?.version) return
    const current = this.#current
    const join = this.#requests?.firstJoin
    if (current && !(join && isForgotten(current.record))) return this.#write(current)
    if (!current) {
      this.#session.vanished()
      this.#requests?.dropAmendments()
    }
    const creator = this.#requests?.firstJoin
    if (creator) await this.#create(creator, current)
  }

  async #write(current: Versioned): Promise<void> {
    const node = this.#session.node
    const before = current.record
    const step = reconcile(before, this.#session.claim(before))
    const batch = this.#requests?.batch() ?? emptyBatch
    const { joins, amendments } = batch
    const { record, outcomes } = requested(step.record, batch, authenticationNow(node), before.ended !== null)
    const mustTouch = !this.#session.hasAttachments && joins.some((join) => join.isKeepAlive)
    if (record !== before || mustTouch) {
      const now = node.sessions.now()
      const answer = node.sessions.write(this.#session.id, record, current, recordExpiry(record, now, node.settings))
      const version = isThenable(answer) ? await answer : answer
      if (node.isDown) return
      if (version === null) return this.#again()
      this.writtenAt = now
      this.#update({ record, version }, 'written')
      // After `onEnd` nothing needs a forgotten session, not even the next sweep.
      if (isForgotten(record) && !record.lease) this.#remove(version)
    } else if (joins.length > 0 && !record.ended) this.#renew(record)
    this.#requests?.served(batch)
    this.#session.applied(step, record)
    for (const join of joins) answerJoin(join, record, 'known')
    for (const [index, { settled }] of amendments.entries()) settled?.(outcomes[index] ?? { record })
    this.#isLong = batch.isFull
    if (this.#requests && !this.#requests.isEmpty) this.settle()
  }

  /** Renews a polling client's session: it is never attached at a tick and writes nothing, so its requests have to do it. */
  #renew(record: SessionRecord): void {
    const { id, node } = this.#session
    // A session that was never confirmed is kept for a shorter time (rule 8).
    if (record.turn > 0) node.renewals.add(id)
    else
      node.sessions
        .renew([id], recordExpiry(record, node.sessions.now(), node.settings))
        .catch((error) => node.host.report(error))
  }

  #remove(version: number): void {
    const { sessions, host } = this.#session.node
    sessions.remove(this.#session.id, version).catch((error) => host.report(error))
  }

  /** There is no session, or a forgotten one (`before`): a join that may create one does so, others are refused. */
  async #create(join: JoinRequest, before: Versioned | null): Promise<void> {
    const node = this.#session.node
    // The client of a POST has an attachment somewhere, which the loss will end.
    if (!join.mayCreate) {
      this.#requests?.refuseUntilCreator({ code: codes.restarting, reason: 'unknown' })
      this.#isLong = this.#requests?.firstJoin !== undefined
      if (this.#isLong) this.settle()
      return
    }
    const refusal = refusalOfLost(join) ?? (await node.roomFor(join.principal))
    if (node.isDown) return
    const outcome = refusal ?? (await node.acceptances.create(join, (protocol) => this.#writeNew(join, before, protocol)))
    if (node.isDown) return
    if (outcome === false) return this.#again()
    this.#requests?.firstJoinServed()
    if (outcome !== true) join.refused(outcome)
    else if (this.#current) answerJoin(join, this.#current.record, 'created')
    if (this.#requests?.firstJoin) this.settle()
  }

  /** Resolves with whether it wrote the record: another node may have been first, or this one has stopped. */
  async #writeNew(join: JoinRequest, before: Versioned | null, protocol: string | undefined): Promise<boolean> {
    const node = this.#session.node
    const lease = await node.firstLease()
    if (node.isDown) return false
    const now = node.sessions.now()
    const record = newRecord(join, node.host.randomId(), lease, authenticationNow(node), protocol)
    const version = await node.sessions.write(this.#session.id, record, before, recordExpiry(record, now, node.settings))
    if (node.isDown || version === null) return false
    this.writtenAt = now
    this.#update({ record, version }, 'created')
    return true
  }

  /** Replaces the record that this node knows. */
  #update(next: Versioned | null, how: 'read' | 'written' | 'created'): void {
    const before = this.#current
    this.#current = next
    // An announcement that arrived before the answer is known now.
    if (this.#announced === next?.version) this.#announced = null
    if (before && before.version === next?.version) return
    if (before && next?.record.epoch !== before.record.epoch) this.#session.vanished()
    if (next) this.#session.changed(before?.record ?? null, next.record, how)
  }
}
