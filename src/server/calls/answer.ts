import { faultOf, type ServerCall } from '../../wire/calls.ts'
import type { HandledSession } from '../session/handled-session.ts'
import { callEntry } from '../store/private-entries.ts'
import { StoreUnavailableError } from '../store/store-health.ts'

/**
 * Appends the server's answer or request to stream 0. Resolves with its offset; `null` if the session has ended, which this node
 * may not know yet.
 */
export async function append({ id, record, node }: HandledSession, call: ServerCall): Promise<number | null> {
  return node.sessions.append(id, record.epoch, callEntry(JSON.stringify(call)))
}

/**
 * The answer to the client's call n after its handler has thrown: the client receives only a `RequestError`; any other error, and
 * an invalid code or message, is reported.
 * @throws StoreUnavailableError, after which the handler runs again
 */
export function errorAnswer(n: number, error: unknown, report: (error: unknown) => void): ServerCall {
  if (error instanceof StoreUnavailableError) throw error
  return { type: 'error', to: n, ...faultOf(error, report) }
}

/** Records an answer at this offset of stream 0, if there is one. */
export function answered(work: { answeredAt?: number }, offset: unknown): void {
  if (typeof offset === 'number' && offset > 0) work.answeredAt = Math.max(work.answeredAt ?? 0, offset)
}

/**
 * Records a settled call, with its answer at this offset of stream 0; `null`: the session has ended, and nothing can be appended.
 * Such a call does not count as taken, so its client sees the end (`closed`), not an acknowledgment (`lost`).
 */
export function callSettled(
  work: { answeredAt?: number; takenThrough: number; unansweredFrom?: number },
  n: number,
  offset: unknown,
): void {
  answered(work, offset)
  if (offset !== null) return
  work.unansweredFrom = Math.min(work.unansweredFrom ?? n, n)
  work.takenThrough = Math.min(work.takenThrough, n - 1)
}
