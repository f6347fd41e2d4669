import { Buffer } from 'node:buffer'
import { type CallValue, hasValue, isLongAsJson } from '../../wire/calls.ts'
import { bufferOf, payloadOf } from '../util/payload.ts'

/** How values are encoded, and their largest size. */
export interface DataSettings {
  readonly codec?: { encode(value: unknown): unknown; decode(payload: string | ArrayBuffer): unknown } | undefined
  readonly limits: { readonly maxMessageBytes: number }
}

/** A client's value, decoded for the application; an empty text without a value. */
export function dataIn({ data = '', utf8, base64 }: CallValue, { codec }: DataSettings): string | ArrayBuffer {
  const text = utf8 === undefined ? data : Buffer.from(utf8, 'base64').toString()
  const payload = base64 === undefined ? text : bufferOf(Buffer.from(base64, 'base64'))
  // At run time data is just JSON: the application vouches for its type parameters.
  return codec ? (codec.decode(payload) as string) : payload
}

/**
 * Encodes the application's value.
 * @throws TypeError or RangeError for an invalid or too large value; and whatever the codec throws
 */
export function callValueOf(data: unknown, { codec, limits }: DataSettings, name: string): CallValue {
  const payload = payloadOf(codec ? codec.encode(data) : data, name, limits.maxMessageBytes)
  if (typeof payload === 'string') {
    const growth = JSON.stringify(payload).length - 2 - payload.length
    return isLongAsJson(payload, growth) ? { utf8: Buffer.from(payload).toString('base64') } : { data: payload }
  }
  return { base64: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64') }
}

/** A client's reply, decoded for the application; `undefined` without a value. */
export function replyIn(reply: CallValue, settings: DataSettings): unknown {
  return hasValue(reply) ? dataIn(reply, settings) : undefined
}
