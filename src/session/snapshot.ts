import { base64 } from '../wire/base64.ts'
import { countOf, must, textOf } from '../wire/readers.ts'
import { bytesOfBase64 } from './frames.ts'
import type { KeptMessage } from './session-port.ts'
import type { SessionState } from './session-state.ts'
import { epochOf, type StreamPlace } from './stream-cursors.ts'

/** More messages than this are not gone on with: whoever wrote the snapshot decides how many there are. As many as an outbox holds. */
export const mostMessages = 100_000
/** What a server may subscribe a session to (docs/PROTOCOL.md, rule 13), and stream 0; some more do no harm. */
const mostStreams = 1024
/** The stores that a hello names (docs/PROTOCOL.md, "Attaching"). */
const mostStores = 4

/**
 * The client's half of a session as plain data, so that another client goes on with it where this one ended: a structured clone passes
 * it to another page, `snapshotText()` stores it.
 */
export interface SessionSnapshot {
  readonly id: string
  /** The highest k that a hello has named. */
  readonly k: number
  /** The last decision which attachment carries the session. */
  readonly turn: number
  /** How far each stream was taken, by number; the epoch of stream 0 is that of the session's record. */
  readonly streams: readonly StreamPlace[]
  /** The stores that opened the session, the last one first. */
  readonly stores: readonly string[]
  /** The lowest number that is not acknowledged. */
  readonly first: number
  /** The highest number that may have been written. */
  readonly last: number
  /** The highest number that was written in an earlier life of the session; 0 where there was none. */
  readonly before: number
  /**
   * What is not acknowledged, in the order of the numbers, and behind `last` what was never written. A number from `first` on that is not
   * among them was not kept: who goes on withdraws it (`w`), since the server takes numbers without a gap.
   */
  readonly messages: readonly KeptMessage[]
}

/** What a client has of its session now. `sent` may leave messages out, which are not kept then. */
export function snapshotOf(session: SessionState, sent: Pick<SessionSnapshot, 'first' | 'last' | 'messages'>): SessionSnapshot {
  const { id, turn, before, stores, streams, dials } = session
  const { first, last, messages } = sent
  return { id, k: dials.reached, turn, streams: streams.places, stores: stores.list, first, last, before, messages }
}

/**
 * Goes on with it in a session that has not dialled yet. Its messages are for whoever sends (`SessionSender.restore`).
 * @param session one that no dial has named to a server
 */
export function restoreSession(session: SessionState, { id, k, turn, streams, stores, before }: SessionSnapshot): void {
  session.id = id
  session.turn = turn
  session.before = before
  session.dials.before = session.dials.reached = k
  session.stores.restore(stores)
  for (const { stream, epoch, topic, offset } of streams) session.streams.begin(stream, epoch, topic, offset)
}

/** The data of all numbers from `first` on; `null` for those that are not kept, or are of no use any more at this instant. */
export function numberedData({ first, last, messages }: SessionSnapshot, now: number): (string | ArrayBuffer | null)[] {
  const end = Math.max(last, messages.at(-1)?.n ?? 0)
  const data = Array.from({ length: end + 1 - first }, (): string | ArrayBuffer | null => null)
  for (const message of messages) data[message.n - first] = (message.expiresAt ?? Infinity) > now ? message.data : null
  return data
}

/** A snapshot as text, for a storage that holds nothing else: bytes are base64 in it. */
export function snapshotText(snapshot: SessionSnapshot): string {
  // A call is withdrawn: nobody will be there who waits for its answer.
  const messages = snapshot.messages.map(
    ({ n, data: given, expiresAt, isCall }) => [n, isCall ? null : given, expiresAt] as const,
  )
  const stored = messages.map(([n, data, expiresAt]) => ({
    ...{ n, expiresAt },
    ...(data instanceof ArrayBuffer ? { bytes: base64(new Uint8Array(data)) } : { data }),
  }))
  return JSON.stringify({ ...snapshot, messages: stored })
}

/** @throws Error where the text is none that `snapshotText()` has made */
export function parseSnapshot(text: string): SessionSnapshot {
  return readSnapshot(JSON.parse(text))
}

/**
 * Reads a snapshot of whoever has made it: what can be gone on with, and nothing that a server would refuse for its form.
 * @throws Error where it is none
 */
export function readSnapshot(value: unknown): SessionSnapshot {
  const json = membersOf(value)
  const id = epochOf(json['id'])
  const first = countOf(json['first'])
  const last = countOf(json['last'])
  const messages = listOf(json['messages'], mostMessages).map(messageOf)
  const counts = { k: countOf(json['k']), turn: countOf(json['turn']), first, last, before: countOf(json['before']) }
  must(first >= 1 && last >= first - 1 && counts.before <= last)
  let lowest = first
  for (const { n } of messages) {
    must(n >= lowest)
    lowest = n + 1
  }
  must(Math.max(last + 1, lowest) - first <= mostMessages)
  const streams = listOf(json['streams'], mostStreams).map(placeOf)
  must(new Set(streams.map(({ stream }) => stream)).size === streams.length)
  return { id, ...counts, streams, stores: listOf(json['stores'], mostStores).map(epochOf), messages }
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
