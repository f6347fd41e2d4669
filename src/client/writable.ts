import type { Codec } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import { isBlob, isBuffer, tagOf } from '../util/type-tags.ts'

/**
 * Converts a sent value to the form in which it is queued until it is written.
 * @throws TypeError for a value that cannot be sent
 */
export function writableOf(data: unknown): Writable {
  if (typeof data === 'string' || isBlob(data)) return data
  // Copied, because the application may change or transfer the bytes while they are queued.
  if (isBuffer(data)) return new Uint8Array(data).slice().buffer
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer
  throw new TypeError(
    `RealtimeClient: a message must be a string, ArrayBuffer, view or Blob, or have a codec, such as { codec: json() }; it was ${tagOf(data)}.`,
  )
}

/** Converts the application's values to messages and back. Method types (bivariant), as for a listener. */
export interface Conversion<In, Out> {
  encode(data: Out): Writable
  decode(data: Payload): In
}

/** Returns the conversion by a codec, or the identity without one. */
export function conversionBy<In, Out>(codec: Codec<In, Out> | undefined): Conversion<In, Out> {
  return {
    encode: (data) => writableOf(codec ? codec.encode(data) : data),
    decode: (data) => (codec ? codec.decode(data) : (data as In)),
  }
}
