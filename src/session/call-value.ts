import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import { isBlob } from '../util/type-tags.ts'
import { wellFormed } from '../util/well-formed.ts'
import { base64 } from '../wire/base64.ts'
import type { CallValue } from '../wire/calls.ts'
import { bytesOfBase64 } from './frames.ts'

/**
 * A message as a call carries it.
 * @throws TypeError for a `Blob`, whose bytes are not at hand
 */
export function callValueOf(data: Writable): CallValue {
  if (isBlob(data)) throw new TypeError('RealtimeClient: a request takes no Blob: give its bytes, as await blob.arrayBuffer().')
  return typeof data === 'string' ? { data: wellFormed(data) } : { base64: base64(new Uint8Array(data)) }
}

/** The message that a call carries; `undefined` where it carries none. */
export function payloadIn({ data, base64 }: CallValue): Payload | undefined {
  return base64 === undefined ? data : bytesOfBase64(base64).buffer
}
