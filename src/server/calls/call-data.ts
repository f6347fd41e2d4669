import { Buffer } from 'node:buffer'
import { type CallValue, hasValue, isLongAsJson } from '../../wire/calls.ts'
import { bufferOf, payloadOf } from '../util/payload.ts'

/** How values are encoded, and how large they may be. */
export interface DataSettings {
  readonly codec?: { encode(value: unknown): unknown; decode(payload: string | ArrayBuffer): unknown } | undefined
  readonly limits: { readonly maxMessageBytes: number }
}

/** What a client has sent, as the application gets it; without a value an empty text. */
export function dataIn({ data = '', utf8, base64 }: CallValue, { codec }: DataSettings): string | ArrayBuffer {
  const text = utf8 === undefined ? data : Buffer.from(utf8, 'base64').toString()
  const payload = base64 === undefined ? text : bufferOf(Buffer.from(base64, 'base64'))
  // At run time there are only JSON values.
  return codec ? (codec.decode(payload) as string) : payload
}

/**
 * What the application sends; nothing for `undefined`.
 * @throws TypeError or RangeError for what is no message, or too large; and whatever the codec throws
 */
export function callValueOf(data: unknown, { codec, limits }: DataSettings, name: string): CallValue {
  if (data === undefined) return {}
  const payload = payloadOf(codec ? codec.encode(data) : data, name, limits.maxMessageBytes)
  if (typeof payload === 'string') {
    const growth = JSON.stringify(payload).length - 2 - payload.length
    return isLongAsJson(payload, growth) ? { utf8: Buffer.from(payload).toString('base64') } : { data: payload }
  }
  return { base64: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64') }
}

/** The reply of a client, as the application gets it; `undefined` where it has no value. */
export function replyIn(reply: CallValue, settings: DataSettings): unknown {
  return hasValue(reply) ? dataIn(reply, settings) : undefined
}
