import type { Fault } from '../fault.ts'
import { bareCloseFrame, closeFrame } from '../frames.ts'
import { strikeAttaching } from '../front.ts'

/** Close codes that a server may send. */
const legalCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4001, 4401, 4429]
/** Close codes that must never be sent. */
const illegalCodes = [999, 1004, 1005, 1006, 1015, 1016, 2999, 5000]

const common = { group: 'close', transport: 'websocket', isAfterOpen: true } as const

/** Valid and invalid Close frames of a server. */
export const closeFaults: readonly Fault[] = [
  ...legalCodes.map((code) => closed(`close_${code}`, `close.${code}`, closeFrame(code, 'the reason'))),
  closed('close_none', 'close.1005', bareCloseFrame()),
  ...illegalCodes.map((code) => broken(`close_${code}`, closeFrame(code, 'the reason'))),
  broken('close_1byte', bareCloseFrame(Buffer.from([3]))),
]

function closed(name: string, expected: string, frame: Buffer): Fault {
  return {
    ...common,
    name,
    expected,
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.passThen(() => passage.closeAsServer(frame))),
  }
}

/** The server sends this frame, and receives the browser's Close frame. */
function broken(name: string, frame: Buffer): Fault {
  return {
    ...common,
    name,
    expected: 'conn.protocol_error',
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.passThen(() => passage.toClient(frame))),
  }
}
