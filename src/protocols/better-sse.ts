import type { Protocol } from '../api/protocol.ts'
import { plain } from './plain.ts'

/** better-sse on Node: reads the cursor from `Last-Event-ID`, and across origins from `?lastEventId=`; each event's data is JSON. */
export function betterSse(): Protocol {
  return { ...plain({ cursorParameter: 'lastEventId' }), name: 'better-sse' }
}
