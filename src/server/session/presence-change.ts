import type { Ending, SessionRecord } from '../store/ports.ts'

/** Whether a client is attached to the session, on any node. */
export function isAttached({ turn, lastEnd, ended }: SessionRecord): boolean {
  return turn > 0 && !lastEnd && !ended
}

/** How a write of the record changes whether the session has a client. A move to another attachment is not a change. */
export type PresenceChange = { readonly type: 'attached' } | { readonly type: 'detached'; readonly ending: Ending }

/** Pure. Only the node that wrote the change acts on it, so that it is reported once. */
export function presenceChange(before: SessionRecord | null, record: SessionRecord): PresenceChange | null {
  const isOther = before?.epoch !== record.epoch
  const wasAttached = before !== null && !isOther && isAttached(before)
  if (wasAttached === isAttached(record)) return null
  const ending = record.ended ?? record.lastEnd
  if (!wasAttached) return { type: 'attached' }
  return ending ? { type: 'detached', ending } : null
}
