import type { Protocol } from '../api/protocol.ts'
import { plainProtocol } from './plain.ts'

/** better-sse on Node: the cursor is sent as `Last-Event-ID`, across origins as `?lastEventId=`; each event's data is JSON. */
export function betterSse(): Protocol {
  return { ...plainProtocol({ cursorParameter: 'lastEventId' }), name: 'better-sse' }
}
