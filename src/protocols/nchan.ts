import type { Payload, Protocol, Received } from '../api/protocol.ts'
import { checkSettings, isRecord } from './checks.ts'
import { plainProtocol } from './plain.ts'

const meta = /^id: (.*)\n(?:content-type: .*\n)?\n/

/**
 * nginx with nchan: one URL and one cursor for all four transports, so that an open connection can move to another one without
 * loss. A WebSocket requests the subprotocol `ws+meta.nchan`, in which each frame carries its id. Messages are sent by POST to
 * the publisher's own URL: give it as the transports' `sendUrl`.
 *
 * @throws TypeError for an invalid setting
 */
export function nchan(settings: NchanSettings = {}): Protocol {
  checkSettings('nchan()', settings, {
    pollQuery: [
      (value) => isRecord(value) && Object.values(value).every((each) => typeof each === 'string'),
      "query parameters with strings, such as { mode: 'poll' }",
    ],
  })
  const { pollQuery = { mode: 'poll' } } = settings
  const base = plainProtocol()
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
  /** The query of a poll, by which nginx tells `intervalpoll` from `longpoll`. @defaultValue { mode: 'poll' } */
  readonly pollQuery?: Readonly<Record<string, string>>
}

function readFrame(frame: Payload): Received[] {
  // A binary frame begins with the same lines, which are far shorter than 512 bytes.
  const head = meta.exec(
    typeof frame === 'string' ? frame : String.fromCharCode(...new Uint8Array(frame, 0, Math.min(512, frame.byteLength))),
  )
  return [{ data: head ? frame.slice(head[0].length) : frame, id: head?.[1], cursor: head?.[1] }]
}
