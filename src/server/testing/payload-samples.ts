import { Buffer } from 'node:buffer'
import type { Payload } from '../store/ports.ts'

/** Payloads that a store could corrupt, with a description. */
export const payloadSamples: readonly (readonly [what: string, data: () => Payload])[] = [
  ['an empty text', () => ''],
  ['a long text', () => 'x'.repeat(100_000)],
  ['line ends, a NUL and what looks like a frame', () => 'm0.1:\r\n\u2028\0,"}'],
  ['characters of every plane', () => 'aé€😀'],
  ['no bytes', () => new Uint8Array()],
  ['every byte', () => Uint8Array.from({ length: 256 }, (_, index) => index)],
  ['a part of a larger buffer', () => new Uint8Array(16).fill(7).subarray(3, 6)],
  ['bytes of a Buffer', () => Buffer.from([0, 255, 13, 10])],
]

/** Unusual names of topics, sessions and principals, all of them valid. */
export const oddNames: readonly string[] = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ', 'a/b?c#d', 'é\n"', '{a}b', '{', '*', 'a:b', '\\'],
  'long '.repeat(100),
]

/** The length of a payload on the wire. */
export function bytesOf(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
}

/** A value with all bytes as numbers and without `undefined` members, so that the class of the bytes does not matter. */
export function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return { bytes: [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(parts.map(([key, part]) => [key, plain(part)]))
}
