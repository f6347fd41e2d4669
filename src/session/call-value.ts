import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import { isBlob } from '../util/type-tags.ts'
import { wellFormed } from '../util/well-formed.ts'
import { base64 } from '../wire/base64.ts'
import { type CallValue, isLongAsJson } from '../wire/calls.ts'
import { bytesOfBase64, jsonGrowth, utf8 } from './frames.ts'

/**
 * The payload of a call.
 * @throws TypeError for a `Blob`, whose bytes are not available yet
 */
export function callValueOf(data: Writable): CallValue {
  if (isBlob(data)) throw new TypeError('RealtimeClient: a request takes no Blob; give await blob.arrayBuffer().')
  if (typeof data !== 'string') return { base64: base64(new Uint8Array(data)) }
  const text = wellFormed(data)
  return isLongAsJson(text, jsonGrowth(text)) ? { utf8: base64(utf8(text)) } : { data: text }
}

/** Decodes the payload of a call; `undefined` if it has none. */
export function payloadIn({ data, utf8, base64 }: CallValue): Payload | undefined {
  if (utf8 !== undefined) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOfBase64(utf8))
  return base64 === undefined ? data : bytesOfBase64(base64).buffer
}
