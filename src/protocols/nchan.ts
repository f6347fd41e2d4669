import type { Payload, Protocol, Received } from '../api/protocol.ts'
import { plain } from './plain.ts'

const meta = /^id: (.*)\n(?:content-type: .*\n)?\n/

/**
 * nginx with nchan: one URL and one cursor for all four transports, so a running connection is moved without loss.
 * A WebSocket asks for `ws+meta.nchan`, in which each frame tells its id. Sending is a POST to the publisher's own URL: give
 * it as the transports' `sendUrl`.
 */
export function nchan({ pollQuery = { mode: 'poll' } }: NchanSettings = {}): Protocol {
  const base = plain()
  return {
    ...base,
    name: 'nchan',
    resumes: () => true,
    ask({ transport, cursor }) {
      return {
        query: { ...(cursor ? { last_event_id: cursor } : {}), ...(transport === 'poll' ? pollQuery : {}) },
        subprotocols: ['ws+meta.nchan'],
      }
    },
    readFrame,
  }
}

export interface NchanSettings {
  /** What the query of a poll says so that nginx picks `intervalpoll` and not `longpoll`, which look alike to it. @defaultValue { mode: 'poll' } */
  readonly pollQuery?: Readonly<Record<string, string>>
}

function readFrame(frame: Payload): Received[] {
  // A binary frame begins with the same lines, which are far shorter than this.
  const head = meta.exec(
    typeof frame === 'string' ? frame : String.fromCharCode(...new Uint8Array(frame, 0, Math.min(512, frame.byteLength))),
  )
  return [{ data: head ? frame.slice(head[0].length) : frame, id: head?.[1], cursor: head?.[1] }]
}
