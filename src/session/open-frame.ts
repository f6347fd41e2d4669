import { closeOf, countOf, msOf, must, textOf } from '../wire/readers.ts'
import type { OpenFrame } from '../wire/steadfast-v1.ts'
import { epochOf } from './stream-cursors.ts'

/**
 * Checks what a server says when a session opens.
 * @param last the highest number that was ever sent
 * @throws when something in it is not as the protocol says
 */
export function readOpenFrame(json: OpenFrame, last: number): OpenFrame {
  const { k, epoch, store, taken, ack, answeredAt = 0, maxMessageBytes, lastEnd } = json
  const frame = {
    ...json,
    heartbeatMs: msOf(json.heartbeatMs),
    resumeWindowMs: msOf(json.resumeWindowMs),
    retryWindowMs: msOf(json.retryWindowMs),
  }
  for (const count of [k, taken, ack, answeredAt, maxMessageBytes]) countOf(count)
  epochOf(epoch)
  if (store) epochOf(store)
  if (lastEnd) textOf(closeOf(lastEnd) && lastEnd.by)
  must(frame.heartbeatMs >= 1 && ack <= last)
  return frame
}

/** How long an answer may take, beyond the silence that the server allows itself, in milliseconds. */
const answerMs = 5000

/** How long the server is silent at most, and how long an answer may take; `null` until it has said so. */
export function heartbeatOf(opened: OpenFrame | null): { readonly intervalMs: number; readonly timeoutMs: number } | null {
  return opened && { intervalMs: opened.heartbeatMs, timeoutMs: answerMs }
}

/** Over how long the return of this server's clients should be spread, in milliseconds; `null` until it has said so. */
export function spreadMsOf(opened: OpenFrame | null): number | null {
  return opened && Math.min(opened.retryWindowMs, opened.resumeWindowMs / 2)
}
