import type { Codec } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import { isBlob, isBuffer } from '../util/type-tags.ts'

/**
 * What an application sends, as it is kept until it is written.
 * @throws TypeError for what is no message
 */
export function writableOf(data: unknown): Writable {
  if (typeof data === 'string') return data
  // Copied, because the application may change or transfer them while they wait.
  if (isBuffer(data)) return new Uint8Array(data).slice().buffer
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer
  if (isBlob(data)) return data
  throw new TypeError(
    `RealtimeClient: send() takes a string, ArrayBuffer, view or Blob, not ${Object.prototype.toString.call(data)}; for anything else give a codec, such as { codec: json() }.`,
  )
}

/** How an application's values become messages, and messages values. Methods' types, as for a listener. */
export interface Conversion<In, Out> {
  encode(data: Out): Writable
  decode(data: Payload): In
}

/** By its codec, or as they are. */
export function conversionBy<In, Out>(codec: Codec<In, Out> | undefined): Conversion<In, Out> {
  return {
    encode: (data) => writableOf(codec ? codec.encode(data) : data),
    decode: (data) => (codec ? codec.decode(data) : (data as In)),
  }
}
