import type { Payload } from '../api/protocol.ts'
import type { ClientCall } from '../wire/calls.ts'
import type { CloseFrame } from '../wire/steadfast-v1.ts'
import { utf8Of } from './bytes.ts'

/** A frame of a client (docs/PROTOCOL.md, "Frames"). */
export type ClientFrame =
  | { readonly type: 'messages'; readonly first: number; readonly messages: readonly Payload[] }
  | { readonly type: 'call'; readonly n: number; readonly call: ClientCall }
  | { readonly type: 'withdrawn'; readonly n: number }
  | { readonly type: 'credentials'; readonly auth: unknown }
  | { readonly type: 'close'; readonly close: CloseFrame }
  | { readonly type: 'turn' | 'ping' | 'unknown' }

/** Reads a frame. The client of this package wrote it, so it is not checked. */
export function readClientFrame(frame: Payload): ClientFrame {
  if (typeof frame !== 'string') {
    const bytes = new Uint8Array(frame)
    const end = bytes.indexOf(10)
    const first = Number(String.fromCharCode(...bytes.subarray(0, end)))
    return { type: 'messages', first, messages: [frame.slice(end + 1)] }
  }
  const rest = frame.slice(1)
  const colon = rest.indexOf(':')
  const n = Number(rest.slice(0, colon))
  const data = rest.slice(colon + 1)
  switch (frame[0]) {
    case 'm':
      return { type: 'messages', first: n, messages: [data] }
    case 'M': {
      const [first, ...messages] = JSON.parse(rest)
      return { type: 'messages', first, messages }
    }
    case 'b':
      return { type: 'messages', first: n, messages: [Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0)).buffer] }
    case 'T':
      return { type: 'messages', first: n, messages: [utf8Of(data)] }
    case 'C':
      return { type: 'call', n, call: JSON.parse(data) }
    case 'w':
      return { type: 'withdrawn', n: Number(rest) }
    case 't':
      return { type: 'turn' }
    case 'c':
      return { type: 'credentials', auth: JSON.parse(rest).auth }
    case 'p':
      return { type: 'ping' }
    case 'x':
      return { type: 'close', close: JSON.parse(rest) }
    default:
      return { type: 'unknown' }
  }
}
