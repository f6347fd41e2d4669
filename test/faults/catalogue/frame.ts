import type { Fault } from '../fault.ts'
import { bareCloseFrame, frame, frameHead, text } from '../frames.ts'
import { strikeAttaching } from '../front.ts'

const continuation = 0
const ping = 9
const notUtf8 = Buffer.from([0x68, 0xc3, 0x28, 0xff])
const threeGiB = 3n * 2n ** 30n

/** Frames that RFC 6455 forbids, as from a middlebox that damages data or a broken server. */
export const frameFaults: readonly Fault[] = [
  wrong('rsv1', frame({ reserved: 0x40 })),
  wrong('rsv3', frame({ reserved: 0x10 })),
  wrong('opcode3', frame({ opcode: 3 })),
  wrong('opcode11', frame({ opcode: 11 })),
  wrong('bad_utf8', frame({ payload: notUtf8 })),
  wrong('ctrl_fragmented', frame({ opcode: ping, isFinal: false })),
  wrong('ctrl_long', frame({ opcode: ping, payload: 'x'.repeat(200) })),
  wrong('cont_stray', frame({ opcode: continuation })),
  wrong('fragment_interleaved', Buffer.concat([frame({ isFinal: false }), frame({ opcode: text })])),
  wrong('len64', frameHead(2n ** 63n + 5n)),
  wrong('close_bad_utf8', bareCloseFrame(Buffer.concat([Buffer.from([3, 232]), notUtf8]))),
  { ...wrong('masked', frame({ isMasked: true })), tolerated: ['firefox'] },
  { ...wrong('huge_3gib', frameHead(threeGiB)), tolerated: ['webkit'] },
]

/** The server keeps its connection, and receives the browser's Close frame. */
function wrong(name: string, bytes: Buffer): Fault {
  return {
    name,
    group: 'frame',
    transport: 'websocket',
    expected: 'conn.protocol_error',
    isAfterOpen: true,
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.passThen(() => passage.toClient(bytes))),
  }
}
