import type { Protocol } from '../api/protocol.ts'
import { plain } from './plain.ts'

/** better-sse on Node: the cursor is sent as `Last-Event-ID`, across origins as `?lastEventId=`; each event's data is JSON. */
export function betterSse(): Protocol {
  return { ...plain({ cursorParameter: 'lastEventId' }), name: 'better-sse' }
}
