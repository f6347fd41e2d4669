import { Buffer } from 'node:buffer'
import type { AppendOptions, Payload } from '../server/store/ports.ts'
import type { KafkaRecord, KafkaRecordToAppend } from './client.ts'

/** A message as stored in a partition. */
export interface Entry {
  readonly topic: string
  /** The record's offset plus one, since offsets of a topic begin at 1. */
  readonly offset: number
  readonly timestamp: number
  readonly data: Payload
  /** The key that makes the append idempotent; `null` for none. */
  readonly key: string | null
  readonly maxMessages: number
  readonly maxAgeMs: number
}

const headers = {
  type: 'steadfast-type',
  key: 'steadfast-key',
  maxMessages: 'steadfast-max-messages',
  maxAge: 'steadfast-max-age-ms',
}

/** A record's headers hold what its key and value do not; a record without headers is a text. */
export function toRecord(topic: string, data: Payload, { key, maxMessages, maxAgeMs }: AppendOptions): KafkaRecordToAppend {
  const list: [string, string][] = []
  if (typeof data !== 'string') list.push([headers.type, 'bytes'])
  if (key !== undefined) list.push([headers.key, key])
  if (maxMessages !== undefined && maxMessages !== Infinity) list.push([headers.maxMessages, String(maxMessages)])
  if (maxAgeMs !== undefined && maxAgeMs !== Infinity) list.push([headers.maxAge, String(maxAgeMs)])
  // A copy: appended bytes remain the caller's, who may overwrite them before they are sent.
  return { key: Buffer.from(topic), value: typeof data === 'string' ? Buffer.from(data) : Buffer.from(data), headers: list }
}

export function toEntry({ offset, timestamp, key, value, headers: list }: KafkaRecord): Entry {
  const read = new Map(list)
  return {
    topic: textOf(key),
    offset: offset + 1,
    timestamp,
    data: read.get(headers.type) === 'bytes' ? new Uint8Array(value ?? []) : textOf(value),
    key: read.get(headers.key) ?? null,
    maxMessages: numberOf(read.get(headers.maxMessages)),
    maxAgeMs: numberOf(read.get(headers.maxAge)),
  }
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

/** Any producer may have written the header. */
function numberOf(text: string | undefined): number {
  const number = Number(text ?? Infinity)
  return number >= 0 ? number : Infinity
}
