import { faultOf, type ServerCall } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { HandledSession } from '../session/handled-session.ts'
import type { SessionRecord } from '../store/ports.ts'
import { callEntry } from '../store/private-entries.ts'
import { StoreUnavailableError } from '../store/store-health.ts'

/** Appends what the server answers or asks to stream 0. Resolves with its offset; 0 if the session has ended. */
export async function append({ id, record, node }: HandledSession, call: ServerCall): Promise<number> {
  return (await node.sessions.append(id, record.epoch, callEntry(JSON.stringify(call)))) ?? 0
}

/**
 * How the client's call n is answered after its handler has thrown: only what was thrown for the client is told to it, and everything else is
 * reported.
 * @throws StoreUnavailableError, after which the handler runs again
 */
export function errorAnswer(n: number, error: unknown, report: (error: unknown) => void): ServerCall {
  if (error instanceof StoreUnavailableError) throw error
  if (!(error instanceof RequestError)) report(error)
  return { type: 'error', to: n, ...faultOf(error) }
}

/** Something was answered at this offset of stream 0; 0 where it was not. */
export function answered(work: { answeredAt?: number }, offset: unknown): void {
  if (typeof offset === 'number' && offset > 0) work.answeredAt = Math.max(work.answeredAt ?? 0, offset)
}

/**
 * A request of the client is over, with its answer at this offset of stream 0, or 0 without one. Nothing can be appended once the session has
 * ended. Such a request does not count as taken, so that the client finds it unanswered by the end (`closed`), not by an acknowledgment (`lost`).
 */
export function requestSettled(
  work: { answeredAt?: number; takenThrough: number },
  n: number,
  offset: number,
  { ended }: Pick<SessionRecord, 'ended'>,
): void {
  answered(work, offset)
  if (offset === 0 && ended) work.takenThrough = Math.min(work.takenThrough, n - 1)
}
