import { closeOf, countOf, msOf, must, textOf } from '../wire/readers.ts'
import type { OpenFrame } from '../wire/steadfast-v1.ts'
import { epochOf } from './stream-cursors.ts'

/**
 * Checks the `open` frame of a server.
 * @param last the highest number that was ever sent
 * @throws for a frame that violates the protocol
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

/** The timeout of an answer, beyond the server's own longest silence, in milliseconds. */
const answerMs = 5000

/** The server's longest silence, and the timeout of an answer, in milliseconds; `null` before the first `open`. */
export function heartbeatOf(opened: OpenFrame | null): { readonly intervalMs: number; readonly timeoutMs: number } | null {
  return opened && { intervalMs: opened.heartbeatMs, timeoutMs: answerMs }
}

/** The time over which the reconnects of this server's clients are spread, in milliseconds; `null` before the first `open`. */
export function spreadMsOf(opened: OpenFrame | null): number | null {
  return opened && Math.min(opened.retryWindowMs, opened.resumeWindowMs / 2)
}
