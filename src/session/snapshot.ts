import { isBuffer } from '../util/type-tags.ts'
import { base64 } from '../wire/base64.ts'
import { countOf, must, textOf } from '../wire/readers.ts'
import { bytesOfBase64 } from './frames.ts'
import type { KeptMessage } from './session-port.ts'
import type { SessionState } from './session-state.ts'
import { epochOf, type StreamPlace } from './stream-cursors.ts'

/** The most messages that are read, as many as an outbox holds: a snapshot from an untrusted source may name any number. */
export const maxMessages = 100_000
/** More than the streams to which a server may subscribe a session (docs/PROTOCOL.md, rule 13), and stream 0. */
const maxStreams = 1024
/** The most stores that a hello names (docs/PROTOCOL.md, "Attaching"). */
const maxStores = 4

/**
 * The client's half of a session as plain data, so that another client can continue it: a structured clone passes it to another
 * page, `snapshotText()` makes text of it for a storage.
 */
export interface SessionSnapshot {
  readonly id: string
  /** The highest k of a hello. */
  readonly k: number
  /** The number of the last decision which attachment carries the session. */
  readonly turn: number
  /** How far each stream was read, by number; the epoch of stream 0 is that of the session's record. */
  readonly streams: readonly StreamPlace[]
  /** The stores that opened the session, the last one first. */
  readonly stores: readonly string[]
  /** The lowest unacknowledged number. */
  readonly first: number
  /** The highest number that may have been written. */
  readonly last: number
  /** The highest number that was written in a former life of the session; 0 if there was none. */
  readonly before: number
  /**
   * The unacknowledged messages, in the order of their numbers; those after `last` were never written. A number from `first` on
   * that is missing was not kept: the client that continues withdraws it (`w`), since the server takes numbers without a gap.
   */
  readonly messages: readonly KeptMessage[]
}

/** A snapshot of the session. `sent` may leave messages out, which are then not kept. */
export function snapshotOf(session: SessionState, sent: Pick<SessionSnapshot, 'first' | 'last' | 'messages'>): SessionSnapshot {
  const { id, turn, before, stores, streams, dials } = session
  const { first, last, messages } = sent
  return { id, k: dials.reached, turn, streams: streams.places, stores: stores.list, first, last, before, messages }
}

/**
 * Continues a snapshot in a session that has not dialled yet. The messages are for the sender (`SessionSender.restore`).
 * @param session one that was never announced to a server
 */
export function restoreSession(session: SessionState, { id, k, turn, streams, stores, before }: SessionSnapshot): void {
  session.id = id
  session.turn = turn
  session.before = before
  session.dials.before = session.dials.reached = k
  session.stores.restore(stores)
  for (const { stream, epoch, topic, offset } of streams) session.streams.begin(stream, epoch, topic, offset)
}

/** The data of all numbers from `first` on; `null` for those that are not kept, or have expired at this time. */
export function numberedData({ first, last, messages }: SessionSnapshot, now: number): (string | ArrayBuffer | null)[] {
  const end = Math.max(last, messages.at(-1)?.n ?? 0)
  const data = Array.from({ length: end + 1 - first }, (): string | ArrayBuffer | null => null)
  for (const message of messages) data[message.n - first] = (message.expiresAt ?? Infinity) > now ? message.data : null
  return data
}

/** Writes a snapshot as text, for a storage that holds strings; bytes are written as base64. */
export function snapshotText(snapshot: SessionSnapshot): string {
  // A call is withdrawn, since the next page does not wait for its answer.
  const messages = snapshot.messages.map(
    ({ n, data: given, expiresAt, isCall }) => [n, isCall ? null : given, expiresAt] as const,
  )
  const stored = messages.map(([n, data, expiresAt]) => ({
    n,
    expiresAt,
    ...(isBuffer(data) ? { bytes: base64(new Uint8Array(data)) } : { data }),
  }))
  return JSON.stringify({ ...snapshot, messages: stored })
}

/** @throws Error for a text that `snapshotText()` has not made */
export function parseSnapshot(text: string): SessionSnapshot {
  return readSnapshot(JSON.parse(text))
}

/**
 * Checks a snapshot from an untrusted source, so that the server has no reason to refuse its form.
 * @throws Error for an invalid one
 */
export function readSnapshot(value: unknown): SessionSnapshot {
  const json = membersOf(value)
  const id = epochOf(json['id'])
  const first = countOf(json['first'])
  const last = countOf(json['last'])
  const messages = listOf(json['messages'], maxMessages).map(messageOf)
  const counts = { k: countOf(json['k']), turn: countOf(json['turn']), first, last, before: countOf(json['before']) }
  must(first >= 1 && last >= first - 1 && counts.before <= last)
  let lowest = first
  for (const { n } of messages) {
    must(n >= lowest)
    lowest = n + 1
  }
  must(Math.max(last + 1, lowest) - first <= maxMessages)
  const streams = listOf(json['streams'], maxStreams).map(placeOf)
  must(new Set(streams.map(({ stream }) => stream)).size === streams.length)
  return { id, ...counts, streams, stores: listOf(json['stores'], maxStores).map(epochOf), messages }
}

function placeOf(value: unknown): StreamPlace {
  const { stream, epoch, topic, offset } = membersOf(value)
  return { stream: countOf(stream), epoch: epochOf(epoch), topic: textOf(topic), offset: countOf(offset) }
}

function messageOf(value: unknown): KeptMessage {
  const { n, bytes, data = bytes === undefined ? undefined : bytesOfBase64(textOf(bytes)).buffer, expiresAt } = membersOf(value)
  must(data === null || typeof data === 'string' || data instanceof ArrayBuffer)
  must(expiresAt === undefined || expiresAt === null || typeof expiresAt === 'number')
  return { n: countOf(n), data, ...(typeof expiresAt === 'number' && { expiresAt }) }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  must(typeof value === 'object' && value !== null)
  return value as Readonly<Record<string, unknown>>
}

function listOf(value: unknown, most: number): readonly unknown[] {
  must(Array.isArray(value) && value.length <= most)
  return value
}
