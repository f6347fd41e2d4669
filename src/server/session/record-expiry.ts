import type { NodeSettings } from '../node/node-context.ts'
import { attachedUntil, detachedUntil } from '../node/renewals.ts'
import type { SessionRecord } from '../store/ports.ts'
import { isForgotten } from './join-request.ts'

/** How long a session whose client has never confirmed an attachment is kept, in milliseconds (rule 8). */
const unconfirmedMs = 15_000

/** When the store may discard a record that is written now, in milliseconds of the store's clock. */
export function recordExpiry(record: SessionRecord, now: number, settings: NodeSettings): number {
  const { resumeWindowMs, leaseMs } = settings
  if (isForgotten(record)) return now + 2 * leaseMs
  if (record.turn === 0 && !record.ended) return now + Math.min(unconfirmedMs, resumeWindowMs)
  if (record.ended) return now + resumeWindowMs
  // `lastEnd` is cleared as soon as another attachment is confirmed, on any node.
  return record.lastEnd ? detachedUntil(now, settings) : attachedUntil(now, settings)
}
