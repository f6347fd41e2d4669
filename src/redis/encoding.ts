import { Buffer } from 'node:buffer'
import type {
  Payload,
  PrivateAppend,
  PrivateEntry,
  SessionNews,
  SessionRecord,
  Subscription,
  TopicNews,
} from '../server/store/ports.ts'
import type { Argument } from './clients/contracts.ts'

const [textLetter, bytesLetter, space] = ['t'.charCodeAt(0), 'b'.charCodeAt(0), ' '.charCodeAt(0)]

export function bytesOf(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
}

/** Encodes data: a type letter, then the bytes. Text stays text: a command of text alone is a single write to the socket. */
export function encodeData(data: Payload | undefined): Argument {
  if (data === undefined) return '-'
  if (typeof data === 'string') return `t${data}`
  const encoded = Buffer.allocUnsafe(1 + data.byteLength)
  encoded[0] = bytesLetter
  encoded.set(data, 1)
  return encoded
}

function decodeData(encoded: Buffer, at: number): Payload | undefined {
  if (encoded[at] === textLetter) return encoded.toString('utf8', at + 1)
  // A view would keep the whole packet in memory.
  return encoded[at] === bytesLetter ? new Uint8Array(encoded.subarray(at + 1)) : undefined
}

/** Decodes a message of a topic's list: its time in six bytes, then its data. */
export function decodeMessage(element: Buffer): Payload {
  return decodeData(element, 6) ?? ''
}

/** Encodes an entry of a private stream: its size for limits, the size of its head, the head as JSON, the data. */
export function encodeEntry({ kind, meta, data }: PrivateAppend): { readonly encoded: Argument; readonly bytes: number } {
  const head = JSON.stringify(meta === undefined ? [kind] : [kind, meta])
  const headBytes = Buffer.byteLength(head)
  const bytes = data === undefined ? headBytes : bytesOf(data)
  const start = `${bytes} ${headBytes} ${head}`
  const end = encodeData(data)
  return { encoded: typeof end === 'string' ? start + end : Buffer.concat([Buffer.from(start), end]), bytes }
}

export function decodeEntry(element: Buffer): PrivateAppend {
  const sizeAt = element.indexOf(space) + 1
  const start = element.indexOf(space, sizeAt) + 1
  const end = start + Number(element.toString('latin1', sizeAt, start - 1))
  const [kind, meta] = JSON.parse(element.toString('utf8', start, end)) as [string, unknown?]
  const data = decodeData(element, end)
  return { kind, ...(meta !== undefined && { meta }), ...(data !== undefined && { data }) }
}

export function decodeEntryAt(offset: number, element: Buffer): PrivateEntry {
  return { offset, ...decodeEntry(element) }
}

/** The fields that change with messages, in the order in which they are stored, and the fields that are stored elsewhere or nowhere. */
const hotFields: readonly string[] = [
  ...['authenticatedAt', 'taken', 'done', 'redeliveredThrough', 'lease', 'turn', 'k', 'lastStream', 'lastEnd', 'ended'],
]
const otherFields: readonly string[] = ['epoch', 'principalId', 'address', 'principal', 'data', 'subscriptions']

/** The part of a record that changes with each message, without field names, which would be most of it. */
export function encodeHot(record: SessionRecord): string {
  const values: unknown[] = hotFields.map((name) => Reflect.get(record, name))
  const more = Object.entries(record).filter(([name]) => !otherFields.includes(name) && !hotFields.includes(name))
  return JSON.stringify(more.length > 0 ? [...values, Object.fromEntries(more)] : values)
}

/** The part that may be large, and seldom changes, without redundant values: for most sessions these are half of it. */
export function encodeCold({ principalId, principal, data, subscriptions }: SessionRecord): string {
  const packed = subscriptions.map(packSubscription)
  const { id, ...rest } = isObject(principal) ? principal : {}
  const hasIdFirst = isObject(principal) && Object.keys(principal)[0] === 'id' && id === principalId
  return JSON.stringify(hasIdFirst ? [rest, data, packed, 1] : [principal, data, packed])
}

const subscriptionFields = ['stream', 'topic', 'epoch', 'from'] as const

/** Packs a subscription without its field names, unless it has further fields. */
function packSubscription(subscription: Subscription): unknown {
  const isKnown = Object.keys(subscription).length === subscriptionFields.length
  return isKnown ? subscriptionFields.map((name) => subscription[name]) : subscription
}

function unpackSubscription(packed: unknown): unknown {
  if (!Array.isArray(packed)) return packed
  return Object.fromEntries(subscriptionFields.map((name, index) => [name, packed[index]]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function decodeRecord([principalId, epoch, hot, cold]: readonly Buffer[]): SessionRecord {
  const [principal, data, subscriptions, hasId] = JSON.parse(String(cold)) as readonly [unknown, unknown, unknown[], 1?]
  const values = JSON.parse(String(hot)) as readonly unknown[]
  const record: Record<string, unknown> = {
    epoch: String(epoch),
    principalId: String(principalId),
    principal: hasId && isObject(principal) ? { id: String(principalId), ...principal } : principal,
    data,
    subscriptions: subscriptions.map(unpackSubscription),
  }
  for (const [index, name] of hotFields.entries()) record[name] = values[index]
  return Object.assign(record, values[hotFields.length]) as unknown as SessionRecord
}

export function decodeTopicNews(message: Buffer): TopicNews | null {
  const [epochEnd, offsetEnd] = [message.indexOf(' '), message.indexOf(' ', message.indexOf(' ') + 1)]
  const afterEnd = message.indexOf(' ', offsetEnd + 1)
  if (afterEnd < 0) return null
  const data = decodeData(message, afterEnd + 1)
  return {
    epoch: message.toString('latin1', 0, epochEnd),
    offset: Number(message.toString('latin1', epochEnd + 1, offsetEnd)),
    after: Number(message.toString('latin1', offsetEnd + 1, afterEnd)),
    ...(data !== undefined && { data }),
  }
}

export function decodeSessionNews(message: Buffer): SessionNews {
  if (message[0] === 'v'.charCodeAt(0)) return { version: Number(message.toString('latin1', 1)) }
  const [tail = '', size = ''] = message.toString('latin1', 1, 64).split(' ')
  const start = 1 + tail.length + 1 + size.length + 1
  const end = start + Number(size)
  if (!(end <= message.byteLength)) return null
  return {
    tail: Number(tail),
    epoch: message.toString('utf8', start, end),
    ...(message.byteLength > end && { entry: decodeEntry(message.subarray(end)) }),
  }
}
