import { randomBytes } from 'node:crypto'
import type { Fault } from '../fault.ts'
import { strikeAttaching } from '../front.ts'
import type { Passage } from '../passage.ts'
import { withField } from '../request.ts'

const common = { group: 'handshake', transport: 'websocket' } as const
const hugeFieldBytes = 2_000_000

/** The server answers with 101, and the answer is damaged on its way to the browser. */
export const handshakeFaults: readonly Fault[] = [
  damaged('bad_accept', (head) => withField(head, 'Sec-WebSocket-Accept', 'dGhpcyBpcyBub3QgdGhlIGtleQ==')),
  damaged('no_accept', (head) => withField(head, 'Sec-WebSocket-Accept', null)),
  damaged('no_upgrade_hdr', (head) => withField(head, 'Upgrade', null)),
  damaged('no_connection_hdr', (head) => withField(head, 'Connection', null)),
  damaged('ext_unasked', (head) => withField(head, 'Sec-WebSocket-Extensions', 'x-never-offered')),
  damaged('hdr_huge', (head) => withField(head, 'X-Filler', 'x'.repeat(hugeFieldBytes))),
  damaged('hdr_truncated', (head, passage) => {
    passage.toClient(head.slice(0, head.length / 2))
    passage.finish()
    return ''
  }),
  damaged('garbage', (_, passage) => {
    passage.toClient(randomBytes(200))
    passage.finish()
    return ''
  }),
  subprotocol('proto_wrong', (head) => withField(head, 'Sec-WebSocket-Protocol', 'another.v2')),
  {
    ...subprotocol('proto_missing', (head) => withField(head, 'Sec-WebSocket-Protocol', null)),
    // These engines accept that; in a session the client itself misses the subprotocol.
    tolerated: { plain: ['firefox', 'webkit'] },
  },
  {
    ...subprotocol('proto_unasked', (head) => withField(head, 'Sec-WebSocket-Protocol', 'another.v2')),
    modes: ['plain'],
    inPlain: {},
    tolerated: ['firefox'],
  },
]

function damaged(name: string, change: (head: string, passage: Passage) => string): Fault {
  return {
    ...common,
    name,
    expected: 'ws.bad_handshake',
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.passChanged((head) => change(head, passage))),
  }
}

function subprotocol(name: string, change: (head: string) => string): Fault {
  return { ...damaged(name, change), expected: 'ws.subprotocol', inPlain: { settings: { subprotocols: ['chat.v1'] } } }
}
