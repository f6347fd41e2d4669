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
