import { isDeepStrictEqual } from 'node:util'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { FirstLease } from '../node/node-leases.ts'
import type { Ending, SessionRecord, SessionStore } from '../store/ports.ts'
import type { AskAcceptance } from './acceptance.ts'
import { expiryOf } from './credential-check.ts'
import { amended, confirmed, isHandling, withRedeliveredThrough } from './record.ts'
import type { Principal } from './session-handle.ts'

/** A request of a client to join a session, by an attachment or a POST. */
export interface JoinRequest {
  readonly hello: ClientHello
  readonly principal: Principal
  /** The client's address as limits count it, if it is known and the client is anonymous. */
  readonly address?: string | undefined
  /**
   * Whether the session is created if there is none. A POST creates none: its client has an attachment, which ends when the
   * session is lost.
   */
  readonly mayCreate: boolean
  /** Calls the option `acceptSession` before the session is created; `null` if it is not set. */
  readonly ask: AskAcceptance | null
  /** Whether it only shows that the client is alive. Nodes with its attachments learn that from the record alone. */
  readonly isKeepAlive: boolean
  /** Called in the task in which the record was read or written, so that no later change is missed. */
  admitted(record: SessionRecord, isResumed: boolean): void
  refused(close: CloseFrame): void
  /** The server has ended the session, and the client may not have received everything that was sent before. */
  over(record: SessionRecord, close: CloseFrame): void
}

/** The record of a new session, or of a lost one that its client begins again (rule 4). */
export function newRecord(
  { hello, principal, address }: JoinRequest,
  epoch: string,
  { lease, isPinned }: FirstLease,
  authentication: Authentication = unlimited,
  protocol: string | undefined = hello.protocol,
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
    ...(protocol === undefined ? {} : { protocol }),
    ...(isPinned ? { isPinned } : {}),
    ...(address === undefined ? {} : { address }),
  }
}

/** When a client was authenticated, by the store's clock, which all nodes share, and for how many milliseconds that is trusted. */
export interface Authentication {
  readonly now: number
  readonly reauthenticateMs: number
}

const unlimited: Authentication = { now: 0, reauthenticateMs: Infinity }

/** For a principal that `authenticate` has just returned. */
export function authenticationNow({ sessions, settings }: Pick<NodeContext, 'sessions' | 'settings'>): Authentication {
  return { now: sessions.now(), reauthenticateMs: settings.reauthenticateMs ?? Infinity }
}

/** The record after a client has joined, with the data of its hello and the principal that `authenticate` returned. */
export function joined(
  record: SessionRecord,
  { hello, principal }: JoinRequest,
  authentication: Authentication = unlimited,
): SessionRecord {
  if (record.principalId !== principal.id || record.ended) return record
  const { n, last, before = 0, turn, k, cursor } = hello
  // The client knows of acknowledgments that the store has lost: it will not send those messages again. A lease with nothing
  // taken is for `onSession`: the session was created for a dial that knew less than this one.
  const isBehind = record.taken < n - 1 && (!record.lease || record.taken === record.done)
  const caughtUp = isBehind ? amended(record, { taken: n - 1, done: n - 1 }) : record
  // A session recreated from an older hello of its client does not know how many of the client's messages were received in the
  // previous epoch: a later hello shows it, whether the client knows the new epoch or not (rule 4).
  const isOfBefore = (cursor.get(0)?.epoch ?? record.epoch) !== record.epoch
  const joined = withRedeliveredThrough(authenticated(caughtUp, principal, authentication), isOfBefore ? last : before)
  return turn === undefined ? joined : confirmed(joined, turn, k)
}

/**
 * The record with the latest principal from `authenticate`, whose role may have changed. A new time alone is not written on each
 * call.
 */
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

/** The time is recorded only if an expiry depends on it. */
export function authenticatedAt(principal: Principal, { now, reauthenticateMs }: Authentication): number {
  return Math.min(expiryOf(principal), reauthenticateMs) === Infinity ? 0 : now
}

/** Whether a session ended since its client did not return: a client that comes later finds no session (rule 4). */
export function isForgotten({ ended }: SessionRecord): boolean {
  return ended?.by === 'network'
}

/** Whether the close code of a client ends its session: hanging up, going away or losing the connection does not (rule 8). */
export function endsSession({ code }: Ending, record: Pick<SessionRecord, 'protocol'> | null): boolean {
  // A WebSocket-shaped client hangs up without a code, and 4000 is its application's (rule 19).
  const isHangUp = code === codes.hungUp && record?.protocol === undefined
  return code === 1000 || (code >= 3000 && !isHangUp)
}

/** The close frame for a session's end, for an attachment that was open (`live`) or one that comes later (`late`) (rule 8). */
export function closeOf(
  { by, code, reason }: Ending,
  { protocol }: Pick<SessionRecord, 'protocol'>,
  when: 'live' | 'late',
): CloseFrame {
  if (by === 'network') return { code: codes.silent, reason }
  if (by === 'client') return { code: when === 'live' ? 1000 : codes.ended, reason }
  if (protocol === undefined) return { code, reason }
  // All codes are the application's here, even this protocol's; 1006 is none: the client sees a broken connection (rule 19).
  return code === 1006 ? { code: codes.ended, reason } : { code: codes.ended, reason, application: code }
}

/** Refuses a WebSocket-shaped client whose session is lost, since its byte stream cannot start over (rule 19). */
export function refusalOfLost({ hello }: JoinRequest): CloseFrame | null {
  return hello.protocols && hello.cursor.size > 0 ? { code: codes.ended, reason: 'the session is lost' } : null
}

/** Admits a join, or refuses it. */
export function answerJoin(join: JoinRequest, record: SessionRecord, how: 'known' | 'created'): void {
  if (record.principalId !== join.principal.id) {
    join.refused({ code: codes.protocolError, reason: 'not a session of yours' })
    return
  }
  if (record.ended) {
    const close = closeOf(record.ended, record, 'late')
    if (record.ended.by === 'server') join.over(record, close)
    else join.refused(close)
    return
  }
  join.admitted(record, how === 'known' && isSameLife(join.hello, record))
}

/** Whether the client knows this life of its session. */
export function isSameLife({ cursor }: Pick<ClientHello, 'cursor'>, { epoch, turn }: SessionRecord): boolean {
  const place = cursor.get(0)
  return place ? place.epoch === epoch : turn > 0
}

/**
 * Whether the client of an ended session has not read everything that was sent to it, or does not know that messages of its own are
 * done, or being handled.
 */
export async function lacksNews(hello: ClientHello, record: SessionRecord, sessions: SessionStore): Promise<boolean> {
  const { epoch, done } = record
  const isSame = isSameLife(hello, record)
  const readThrough = (isSame && hello.cursor.get(0)?.offset) || 0
  const reading = await sessions.readAfter(hello.session, readThrough, { maxMessages: 1, maxBytes: 1 })
  const isUnread = reading?.epoch === epoch && reading.messages.length > 0
  return isUnread || (isSame && (done >= hello.n || isHandling(record)))
}
