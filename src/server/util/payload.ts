import { Buffer } from 'node:buffer'
import { isBuffer } from '../../util/type-tags.ts'
import { wellFormed } from '../../util/well-formed.ts'
import type { Payload } from '../store/ports.ts'

/** The length on the wire: UTF-8 for text. */
export function bytesOf(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
}

/** Shorter strings are copied by V8 when they are cut out of longer ones. */
const minSliceLength = 13

/**
 * A text without the longer one that it is part of: V8 keeps the whole of a string in memory for a part of it, and a short line
 * that waits for its handler must not keep a body of 4 MB.
 */
export function detachedText(text: string): string {
  return text.length < minSliceLength ? text : Buffer.from(text).toString()
}

/** Bytes without the rest of a buffer at least twice as long, such as a chunk of a socket or Node's pool of small buffers. */
export function detachedBytes(bytes: Uint8Array): Uint8Array {
  return 2 * bytes.byteLength < bytes.buffer.byteLength ? Buffer.from(new Uint8Array(bytes).buffer) : bytes
}

/** Checks a value that an application sends, and returns it as the logs keep it; `name` is the method's, for the error. */
export function payloadOf(data: unknown, name: string, maxBytes: number): Payload {
  const payload = asPayload(data)
  if (payload === null)
    throw new TypeError(
      `RealtimeServer: ${name}() takes a string, an ArrayBuffer or a view of one; it was ${kindOf(data)}. For other values set the option codec, such as codec: json().`,
    )
  const bytes = bytesOf(payload)
  if (bytes > maxBytes)
    throw new RangeError(`RealtimeServer: ${name}() was given ${bytes} bytes; limits.maxMessageBytes allows ${maxBytes}.`)
  return payload
}

function asPayload(data: unknown): Payload | null {
  if (typeof data === 'string') return wellFormed(data)
  if (isBuffer(data)) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return null
}

/** A value's type for an error message: never the value itself, which may be a payload. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
  return Array.isArray(value) ? 'an array' : 'an object'
}

/** A copy of exactly these bytes; the buffer of a received frame may hold more. */
export function bufferOf(data: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(data.byteLength)
  new Uint8Array(buffer).set(data)
  return buffer
}
