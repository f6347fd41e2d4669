import type { ClientCall } from '../../wire/calls.ts'
import { codes } from '../../wire/steadfast-v1.ts'
import type { Ending, Payload, SessionRecord } from '../store/ports.ts'

/** A message of the client that is not taken yet; its `data` is `null` if the client has withdrawn it. */
export interface Incoming {
  readonly n: number
  readonly data: Payload | null
  readonly bytes: number
  readonly source: Source
  /** Whether a handler may have seen it before; known once it is taken. */
  redelivered: boolean
  /** The call, if it is one; its JSON is the data (rule 21). */
  readonly call?: ClientCall | undefined
  /** An answer to the server was already forwarded when it arrived. */
  isDispatched?: boolean
}

/** The attachment or request that brought messages. */
export interface Source {
  /** The source no longer waits: its messages that are not taken yet are skipped. */
  readonly isWithdrawn: boolean
  /** The message's number does not follow the last one taken. */
  outOfOrder(message: Incoming, record: SessionRecord): void
  /** A message of this source was in order, or a duplicate. */
  inOrder(): void
}

/** A node's work under a session's lease, which only that node knows. */
export interface LeaseWork {
  /** The highest number that the node took. */
  readonly takenThrough: number
  /** The lowest number of a request that the session's end leaves unanswered: it does not count as taken, whatever was written before. */
  readonly unansweredFrom?: number
  /** The highest number whose handler has settled on the node. */
  readonly finished: number
  /** The offset in stream 0 of the last answer to a handled message. */
  readonly answeredAt?: number
  /** The handler to run besides those of messages: `onSession` before them, `onEnd` after them. */
  readonly hook: PendingHook
}

export type MutableLeaseWork = { -readonly [Field in keyof LeaseWork]: LeaseWork[Field] }

const hooks = ['begin', 'none', 'end', 'ended'] as const

export type PendingHook = (typeof hooks)[number]

/** The later of two: a hook that has settled while the record was written does not run again. */
export function laterHook(one: PendingHook, other: PendingHook): PendingHook {
  return hooks[Math.max(hooks.indexOf(one), hooks.indexOf(other))] ?? one
}

/** A node's contribution to a session's record. */
export interface Claim {
  readonly leaseWork: LeaseWork | null
  readonly pending: readonly Incoming[]
  /** How the session ends once the pending messages have been taken. */
  readonly wantedEnd: Ending | null
}

/** The node that writes a session's record. */
export interface Claimant extends Claim {
  /** The name under which it holds the session's lease; `null` if it cannot hold one now. */
  readonly node: string | null
  /** Until when the lease in the record is held; meaningless without one. */
  readonly heldUntil: number
  readonly now: number
  readonly leaseMs: number
  readonly hasOnSession: boolean
  readonly hasOnEnd: boolean
}

/** The record to write, and the consequences for the node once it is written. */
export interface Step {
  readonly record: SessionRecord
  /**
   * `waits`: another node is at work, and nothing can be taken yet. `elsewhere`: the session is pinned to another node, to which
   * the messages are forwarded.
   */
  readonly outcome: 'waits' | 'elsewhere' | 'goes-on'
  readonly accepted: Incoming[]
  readonly outOfOrder: readonly Incoming[]
  readonly hook: PendingHook
  /** The lease expired and another node took over: messages taken here no longer belong to this node. */
  readonly hasLost: boolean
}

/**
 * Rule 2: the record after this node has settled its finished messages, taken the pending ones, and, if the lease's holder has
 * died, taken over.
 *
 * A lease is held while messages are taken and not done, and while `onSession` or `onEnd` runs. Nothing is taken before
 * `onSession` is done, so a lease with nothing taken means that a node died during `onSession`. The lease of a pinned session is
 * held until the session has ended; if its node dies, the session ends (rule 20).
 */
export function reconcile(given: SessionRecord, claimant: Claimant): Step {
  const { node, now, leaseMs, pending, wantedEnd } = claimant
  const { lease } = given
  const isMine = lease?.node === node
  const leaseWork = isMine ? claimant.leaseWork : null
  const hasLost = claimant.leaseWork !== null && !isMine
  const isHeld = lease !== null && !isMine && claimant.heldUntil > now
  if (isHeld || node === null) {
    // The server's end of a session takes effect at once; the lease's holder sees it after its current handler, and runs `onEnd`.
    const ended = given.ended ?? (wantedEnd?.by === 'client' ? null : wantedEnd)
    const outcome = isHeld && given.isPinned ? 'elsewhere' : 'waits'
    return { record: amended(given, { ended }), outcome, accepted: [], outOfOrder: [], hook: 'none', hasLost }
  }
  const isOver = given.isPinned === true && lease !== null && !isMine && !given.ended
  const before = isOver ? amended(given, { ended: endOfPinned(given) }) : given
  // The lease's holder died, or is this node, which never learned that its write had succeeded.
  const isInherited = lease !== null && !leaseWork
  const isOrphaned = isInherited && !isMine
  const wasBeginning = isInherited && before.taken === before.done && claimant.hasOnSession
  const redeliveredThrough =
    isOrphaned && !before.ended ? Math.max(before.redeliveredThrough, before.taken) : before.redeliveredThrough
  const done = leaseWork ? Math.max(before.done, leaseWork.finished) : before.done
  const answeredAt = Math.max(before.answeredAt ?? 0, leaseWork?.answeredAt ?? 0)
  let hook: PendingHook = leaseWork?.hook ?? (wasBeginning && !before.ended ? 'begin' : 'none')
  let taken = takenOf(before, leaseWork, isInherited)
  const accepted: Incoming[] = []
  const outOfOrder: Incoming[] = []
  if (hook !== 'begin' && !before.ended) {
    for (const message of pending) {
      if (message.source.isWithdrawn) continue
      if (message.n === taken + 1) {
        accepted.push(message)
        taken += 1
      } else if (message.n > taken) outOfOrder.push(message)
    }
  }
  const canEnd = wantedEnd?.by !== 'client' || hook !== 'begin'
  const ended = before.ended ?? (canEnd ? wantedEnd : null)
  // An end without a lease has already been handled.
  if (ended && claimant.hasOnEnd && hook !== 'ended' && (!before.ended || lease)) hook = hook === 'begin' ? 'begin' : 'end'
  const isHolding = taken > done || hook === 'begin' || hook === 'end' || (before.isPinned === true && !ended)
  const isFresh = isMine && lease !== null && (before.isPinned || lease.until - now > leaseMs / 2)
  const record = amended(before, {
    taken,
    done,
    redeliveredThrough,
    ended,
    ...(answeredAt && { answeredAt }),
    lease: isHolding ? (isFresh ? lease : { node, until: before.isPinned ? 0 : now + leaseMs }) : null,
    ...takenBeforeIn(before, taken),
  })
  return { record, outcome: 'goes-on', accepted, outOfOrder, hook, hasLost }
}

/** How a pinned session ends with its node: a WebSocket-shaped client gets the code of a restarting server. */
export function endOfPinned({ protocol }: Pick<SessionRecord, 'protocol'>): Ending {
  return { by: 'server', code: protocol === undefined ? codes.ended : 1012, reason: 'the node of this session has ended' }
}

/** The number after which taking continues. */
function takenOf(before: SessionRecord, leaseWork: LeaseWork | null, isInherited: boolean): number {
  // Messages that the client has since reported as done need not be taken.
  if (leaseWork) return Math.max(before.done, Math.min(before.taken, leaseWork.takenThrough))
  return isInherited ? before.done : before.taken
}

/** The new `takenBefore`: 0 once everything that was taken back is taken again. */
function takenBeforeIn(before: SessionRecord, taken: number): Pick<SessionRecord, 'takenBefore'> {
  const most = maxTaken(before)
  return most > taken ? { takenBefore: most } : before.takenBefore === undefined ? {} : { takenBefore: 0 }
}

/** The highest number that may have been reported to the client as taken. */
export function maxTaken({ taken, redeliveredThrough, takenBefore = 0 }: SessionRecord): number {
  return Math.max(taken, redeliveredThrough, takenBefore)
}

/** Returns the same record if nothing has changed, so that nothing is written. */
export function amended(before: SessionRecord, changes: Partial<SessionRecord>): SessionRecord {
  const after = Object.assign(copyOf(before), changes)
  return isSame(before, after) ? before : after
}

/** A mutable copy of a record. Every field is listed, so that none can be forgotten. */
export function copyOf(record: SessionRecord): { -readonly [Field in keyof SessionRecord]: SessionRecord[Field] } {
  // V8 gives every spread of a frozen object a hidden class of its own, which is slow and costs 430 bytes a session.
  const copy: ReturnType<typeof copyOf> = {
    epoch: record.epoch,
    principalId: record.principalId,
    principal: record.principal,
    authenticatedAt: record.authenticatedAt ?? (record.authenticatedAt === null ? null : 0),
    data: record.data,
    taken: record.taken,
    done: record.done,
    redeliveredThrough: record.redeliveredThrough,
    lease: record.lease,
    turn: record.turn,
    k: record.k,
    subscriptions: record.subscriptions,
    lastStream: record.lastStream,
    lastEnd: record.lastEnd,
    ended: record.ended,
  }
  if (record.protocol !== undefined) copy.protocol = record.protocol
  if (record.takenBefore) copy.takenBefore = record.takenBefore
  if (record.isPinned) copy.isPinned = true
  if (record.answeredAt !== undefined) copy.answeredAt = record.answeredAt
  if (record.address !== undefined) copy.address = record.address
  return copy
}

function isSame(before: SessionRecord, after: SessionRecord): boolean {
  return (
    before.taken === after.taken &&
    before.done === after.done &&
    before.redeliveredThrough === after.redeliveredThrough &&
    (before.takenBefore ?? 0) === (after.takenBefore ?? 0) &&
    before.lease === after.lease &&
    before.ended === after.ended &&
    before.turn === after.turn &&
    before.k === after.k &&
    before.subscriptions === after.subscriptions &&
    before.lastStream === after.lastStream &&
    before.lastEnd === after.lastEnd &&
    before.data === after.data &&
    before.principal === after.principal &&
    before.authenticatedAt === after.authenticatedAt &&
    before.answeredAt === after.answeredAt
  )
}

/** Whether messages of the client have been taken whose handlers are not done. */
export function isHandling({ taken, done }: Pick<SessionRecord, 'taken' | 'done'>): boolean {
  return done < taken
}

/** The text of an acknowledgment: how far messages are done, and where the answers to them end. */
export function ackOf({ done, answeredAt }: Pick<SessionRecord, 'done' | 'answeredAt'>): string {
  return answeredAt === undefined ? `a${done}` : `a${done}.${answeredAt}`
}

/** Rule 4: the client wrote messages up to this number in an earlier life of the session, which may have handled them. */
export function withRedeliveredThrough(record: SessionRecord, before: number): SessionRecord {
  return before > record.redeliveredThrough ? amended(record, { redeliveredThrough: before }) : record
}

/** Rule 5: a turn above the record's confirms the attachment k; turns below are ignored. */
export function confirmed(record: SessionRecord, turn: number, k: number): SessionRecord {
  return turn > record.turn ? amended(record, { turn, k, lastEnd: null }) : record
}
