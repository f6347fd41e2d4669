import { isDeepStrictEqual } from 'node:util'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { expiryOf } from './credential-check.ts'
import { amended, confirmed } from './record.ts'
import type { Principal } from './session-handle.ts'

/** Somebody at the door of a session. */
export interface JoinRequest {
  readonly hello: ClientHello
  readonly principal: Principal
  /** Whether the session is made if there is none; who only sends has an attachment that will learn of the loss. */
  readonly mayCreate: boolean
  /** It has nothing to say but that it lives, which nodes that hold its attachments hear from the record alone. */
  readonly isKeepAlive: boolean
  /** Called in the same task in which the record became so, so that nothing that follows is missed. */
  admitted(record: SessionRecord, isResumed: boolean): void
  refused(close: CloseFrame): void
  /** The server has ended the session, and what it sent before may not have been read. */
  over(record: SessionRecord, close: CloseFrame): void
}

/** A session that has begun, or begins again after the server lost it (rule 4). */
export function newRecord(
  { hello, principal }: JoinRequest,
  epoch: string,
  lease: SessionRecord['lease'],
  authentication: Authentication = unlimited,
): SessionRecord {
  const { n, last, turn = 0, k } = hello
  return {
    epoch,
    principalId: principal.id,
    principal,
    authenticatedAt: authenticatedAt(principal, authentication),
    data: null,
    taken: n - 1,
    done: n - 1,
    redeliveredThrough: last,
    lease,
    turn,
    k: turn > 0 ? k : 0,
    subscriptions: [],
    lastStream: 0,
    lastEnd: null,
    ended: null,
  }
}

/** When somebody was authenticated, and how long that is believed, in milliseconds. */
export interface Authentication {
  readonly now: number
  readonly reauthenticateMs: number
}

const unlimited: Authentication = { now: 0, reauthenticateMs: Infinity }

/** For a principal that `authenticate` has just returned. */
export function authenticationNow({ host, settings }: Pick<NodeContext, 'host' | 'settings'>): Authentication {
  return { now: host.now(), reauthenticateMs: settings.reauthenticateMs ?? Infinity }
}

/** What an attachment's hello, and what `authenticate` made of it, say to the record. */
export function joined(
  record: SessionRecord,
  { hello, principal }: JoinRequest,
  authentication: Authentication = unlimited,
): SessionRecord {
  if (record.principalId !== principal.id || record.ended) return record
  const { n, last, before = 0, turn, k, cursor } = hello
  // The client knows of acknowledgments that the store has lost: nobody will send those messages again.
  // A lease under which nothing is taken is for `onSession`: the session was made for a dial that knew less than this one.
  const isBehind = record.taken < n - 1 && (!record.lease || record.taken === record.done)
  const caughtUp = isBehind ? amended(record, { taken: n - 1, done: n - 1 }) : record
  // A session made anew by an older hello of its client cannot know how far the client was heard in the life before: a later
  // hello tells, whether it knows of the new life or not (rule 4).
  const isOfBefore = (cursor.get(0)?.epoch ?? record.epoch) !== record.epoch
  const redeliveredThrough = Math.max(record.redeliveredThrough, isOfBefore ? last : before)
  const told = amended(authenticated(caughtUp, principal, authentication), { redeliveredThrough })
  return turn === undefined ? told : confirmed(told, turn, k)
}

/** The principal as `authenticate` returned it last: its role may have changed. That it was asked is not worth a write each time. */
export function authenticated(record: SessionRecord, principal: Principal, authentication: Authentication): SessionRecord {
  const isSame = record.principal === principal || isDeepStrictEqual(record.principal, principal)
  const { now, reauthenticateMs } = authentication
  const { authenticatedAt: before } = record
  const isRecent = isSame && before !== null && !(Math.abs(now - before) >= reauthenticateMs / 2)
  if (isRecent) return record
  return amended(record, {
    principal: isSame ? record.principal : principal,
    authenticatedAt: authenticatedAt(principal, authentication),
  })
}

/** The time is told only where something depends on it. */
export function authenticatedAt(principal: Principal, { now, reauthenticateMs }: Authentication): number {
  return Math.min(expiryOf(principal), reauthenticateMs) === Infinity ? 0 : now
}

/** Whether a session ended because nobody came back: then whoever comes finds none (rule 4). */
export function isForgotten({ ended }: SessionRecord): boolean {
  return ended?.by === 'network'
}

/** What an attachment is told of a session's end: one that was there when it happened, or one that comes later (rule 8). */
export function closeOf({ by, code, reason }: Ending, when: 'live' | 'late'): CloseFrame {
  if (by === 'network') return { code: codes.silent, reason }
  return by === 'client' ? { code: when === 'live' ? 1000 : codes.ended, reason } : { code, reason }
}

/** Lets somebody in, or tells why not. */
export function answerJoin(join: JoinRequest, record: SessionRecord, how: 'known' | 'created'): void {
  if (record.principalId !== join.principal.id) {
    join.refused({ code: codes.protocolError, reason: 'not a session of yours' })
    return
  }
  if (record.ended) {
    const close = closeOf(record.ended, 'late')
    if (record.ended.by === 'server') join.over(record, close)
    else join.refused(close)
    return
  }
  const place = join.hello.cursor.get(0)
  const isSame = place ? place.epoch === record.epoch : record.turn > 0
  join.admitted(record, how === 'known' && isSame)
}
