import type { Payload } from '../api/protocol.ts'
import { base64 } from '../wire/base64.ts'
import type { CallValue } from '../wire/calls.ts'
import { utf8Of } from './bytes.ts'

/** A payload as a call carries it. */
export function callValueOf(payload: Payload): CallValue {
  return typeof payload === 'string' ? { data: payload } : { base64: base64(new Uint8Array(payload)) }
}

/** The payload of a call; an empty string if it has none. */
export function payloadIn({ data = '', utf8, base64 }: CallValue): Payload {
  if (utf8 !== undefined) return utf8Of(utf8)
  return base64 === undefined ? data : Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer
}
