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
