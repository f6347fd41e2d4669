import { Buffer } from 'node:buffer'
import { isToken } from '../../util/http-fields.ts'
import type { ClientCall } from '../../wire/calls.ts'
import { type CloseFrame, type Hello, maxHelloBytes, type Place } from '../../wire/steadfast-v1.ts'
import { readClientCall } from '../calls/read-client-call.ts'
import type { Payload } from '../store/ports.ts'
import { detachedBytes } from '../util/payload.ts'
import { shapeOf, shortLength } from './json-shape.ts'

/** How many streams a cursor may name. */
const maxPlaces = 1024
/** How many messages a batch may have: a client's own batches have 87,381 at most. */
const maxBatchMessages = 262_144
/** How many arrays and objects a hello may have, or credentials. */
const maxContainers = 1024
/** A code, and a reason of up to 123 bytes, escaped or not. */
const maxCloseLength = 2048
/** How many subprotocols a client may offer. */
const maxProtocols = 64

/** Places by stream. */
export type Cursor = ReadonlyMap<number, Place>

/** A valid hello with its cursor parsed. */
export interface ClientHello extends Omit<Hello, 'cursor' | 'store'> {
  readonly cursor: Cursor
  /** The stores that opened the session for its client, the most recent first. */
  readonly stores?: readonly string[]
  /** The highest n that the client has ever written; messages up to it may have been handled before. */
  readonly last: number
  /** The member of `protocols` that the server has selected. */
  readonly protocol?: string
}

/** A frame from the client. */
export type ClientFrame =
  | { readonly type: 'messages'; readonly first: number; readonly payloads: readonly Payload[] }
  | { readonly type: 'call'; readonly n: number; readonly call: ClientCall; readonly json: string }
  | { readonly type: 'withdrawn'; readonly n: number }
  /** A batch of more messages than a server takes at once. */
  | { readonly type: 'too-many-messages' }
  | { readonly type: 'turn'; readonly turn: number; readonly before: number }
  | { readonly type: 'ack'; readonly cursor: Cursor }
  | { readonly type: 'close'; readonly close: CloseFrame }
  | { readonly type: 'credentials'; readonly auth: unknown }
  | { readonly type: 'ping' | 'pong' | 'unknown' }

/** Parses a hello; `null` if it is invalid. Unknown members are ignored. */
export function readHello(text: string): ClientHello | null {
  if (text.length > maxHelloBytes || Buffer.byteLength(text) > maxHelloBytes) return null
  const hello = hasFewContainers(text) ? readJson(text) : null
  if (!isObject(hello) || hello['v'] !== 1) return null
  const { session, k, n, turn, wait, send, last, before, store, auth, protocols } = hello
  if (typeof session !== 'string' || !/^[\w-]{22}$/.test(session)) return null
  if (!isPositive(k) || !isPositive(n)) return null
  if (turn !== undefined && !isPositive(turn)) return null
  if (wait !== undefined && !isNumber(wait)) return null
  if (send !== undefined && send !== true) return null
  if (last !== undefined && !isNumber(last)) return null
  if (before !== undefined && !isNumber(before)) return null
  if (store !== undefined && !(typeof store === 'string' && /^[\w-]{1,64}(,[\w-]{1,64}){0,3}$/.test(store))) return null
  if (protocols !== undefined && !isOffer(protocols)) return null
  const cursor = readCursor(hello['cursor'] === undefined ? '' : hello['cursor'])
  if (!cursor) return null
  return {
    v: 1,
    session,
    k,
    n,
    cursor,
    auth,
    last: Math.max(n - 1, last ?? 0),
    ...(before === undefined ? {} : { before }),
    ...(turn === undefined ? {} : { turn }),
    ...(store === undefined ? {} : { stores: store.split(',') }),
    ...(wait === undefined ? {} : { wait }),
    ...(send === undefined ? {} : { send }),
    ...(protocols === undefined ? {} : { protocols }),
  }
}

/** Subprotocols as `Sec-WebSocket-Protocol` offers them: tokens (RFC 9110 §5.6.2), none of them twice. */
function isOffer(protocols: unknown): protocols is readonly string[] {
  if (!Array.isArray(protocols) || protocols.length > maxProtocols || new Set(protocols).size < protocols.length) return false
  return protocols.every((each) => isToken(each) && each.length <= 255)
}

/** Parses `0.12~e1,3.1041~k7`; `null` for an invalid cursor. */
export function readCursor(text: unknown): Cursor | null {
  if (typeof text !== 'string') return null
  const cursor = new Map<number, Place>()
  if (text === '') return cursor
  const places = text.split(',', maxPlaces + 1)
  if (places.length > maxPlaces) return null
  for (const place of places) {
    const [, stream, offset, epoch] = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})~([\w-]{1,64})$/.exec(place) ?? []
    if (!isNumber(Number(stream)) || !isNumber(Number(offset)) || epoch === undefined) return null
    if (cursor.has(Number(stream))) return null
    cursor.set(Number(stream), { offset: Number(offset), epoch })
  }
  return cursor
}

/** Parses a text frame; `null` if it is malformed. */
export function readFrame(text: string): ClientFrame | null {
  switch (text[0]) {
    case 'm': {
      const colon = text.indexOf(':')
      const n = colon > 0 ? readNumber(text.slice(1, colon)) : null
      return n === null ? null : { type: 'messages', first: n, payloads: [text.slice(colon + 1)] }
    }
    case 'M':
      return readMessages(text.slice(1))
    case 'C': {
      const colon = text.indexOf(':')
      const n = colon > 0 ? readNumber(text.slice(1, colon)) : null
      const json = text.slice(colon + 1)
      const call = n === null ? null : readClientCall(json)
      return n === null || call === null ? null : { type: 'call', n, call, json }
    }
    case 'b':
    case 'T': {
      const colon = text.indexOf(':')
      const n = colon > 0 ? readNumber(text.slice(1, colon)) : null
      const bytes = n === null ? null : readBase64(text.slice(colon + 1))
      if (n === null || bytes === null) return null
      return { type: 'messages', first: n, payloads: [text[0] === 'b' ? detachedBytes(bytes) : bytes.toString()] }
    }
    case 'w': {
      const n = readNumber(text.slice(1))
      return n === null ? null : { type: 'withdrawn', n }
    }
    case 't': {
      const [, first = '', second = '0'] = /^t(\d+)(?:\.(\d+))?$/.exec(text) ?? []
      const [turn, before] = [readNumber(first), second === '0' ? 0 : readNumber(second)]
      return turn === null || before === null ? null : { type: 'turn', turn, before }
    }
    case 'a': {
      const cursor = readCursor(text.slice(1))
      return cursor && { type: 'ack', cursor }
    }
    case 'x':
      return readClose(text.slice(1))
    case 'c': {
      const isShort = text.length <= maxHelloBytes && hasFewContainers(text)
      const credentials = isShort ? readJson(text.slice(1)) : null
      return isObject(credentials) ? { type: 'credentials', auth: credentials['auth'] } : null
    }
    case 'p':
      return { type: 'ping' }
    case 'q':
      return { type: 'pong' }
    default:
      return /^[a-z]/i.test(text) ? { type: 'unknown' } : null
  }
}

/** Parses a binary frame, `8`, LF, the bytes; `null` if it is malformed. The bytes may be those of the frame, not a copy. */
export function readBinary(frame: Uint8Array): ClientFrame | null {
  const end = frame.subarray(0, 17).indexOf(10)
  const n = end < 0 ? null : readNumber(Buffer.from(frame.subarray(0, end)).toString('latin1'))
  return n === null ? null : { type: 'messages', first: n, payloads: [detachedBytes(frame.subarray(end + 1))] }
}

function readMessages(text: string): ClientFrame | null {
  if (text.length > shortLength) {
    const { values, containers } = shapeOf(text)
    if (containers > 1) return null
    if (values > maxBatchMessages) return { type: 'too-many-messages' }
  }
  const list = readJson(text)
  if (!Array.isArray(list)) return null
  const first: unknown = list[0]
  const payloads: unknown[] = list.slice(1)
  return isPositive(first) && payloads.length > 0 && payloads.every(isText) && isNumber(first + payloads.length)
    ? { type: 'messages', first, payloads }
    : null
}

function readClose(text: string): ClientFrame | null {
  const close = text.length > maxCloseLength ? null : readJson(text)
  if (!isObject(close)) return null
  const { code, reason = '' } = close
  if (!isNumber(code) || typeof reason !== 'string' || Buffer.byteLength(reason) > 123) return null
  return { type: 'close', close: { code, reason } }
}

function readBase64(text: string): Buffer | null {
  // The bits that padding leaves over must be zero, so that there is only one encoding of the same bytes.
  const isCanonical = text.length % 4 === 0 && /^[A-Za-z0-9+/]*([AQgw]==|[AEIMQUYcgkosw048]=)?$/.test(text)
  return isCanonical ? Buffer.from(text, 'base64') : null
}

function readNumber(text: string): number | null {
  const number = Number(text)
  // A number has only one valid spelling.
  return isPositive(number) && String(number) === text ? number : null
}

/** Parsed, 64 KiB of arrays in arrays take 1.8 MB, and credentials are kept until their client is authenticated. */
function hasFewContainers(text: string): boolean {
  return text.length <= maxContainers || shapeOf(text).containers <= maxContainers
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isPositive(value: unknown): value is number {
  return isNumber(value) && value > 0
}
