import { countOf, must } from '../wire/readers.ts'
import type { KeptMessage } from './session-port.ts'
import { mostMessages, parseSnapshot, type SessionSnapshot, snapshotText } from './snapshot.ts'

/** What numbers, cursors and topics may take in the storage of a tab, in UTF-16 code units; a session with more is not stored. */
export const maxStoredChars = 65_536
/** What the messages beside them may take, as text; the oldest that fit are stored. */
export const maxStoredPayloadChars = 2 ** 20

/** A session as a tab stores it. */
export interface StoredSession {
  /** When it was stored, in milliseconds since 1970. */
  readonly storedAt: number
  /** For how long after that the server keeps it (`resumeWindowMs`). */
  readonly windowMs: number
  /** The highest number that a message had by then, or would have been given; those above it in the snapshot were set aside for what is sent next. */
  readonly sent: number
  readonly snapshot: SessionSnapshot
}

/** `null` where it is too long to be stored. */
export function storedText({ storedAt, windowMs, sent, snapshot }: StoredSession): string | null {
  const bare = snapshotText({ ...snapshot, messages: [] })
  if (bare.length > maxStoredChars) return null
  const messages = fitting(snapshot.messages)
  return `${storedAt} ${windowMs} ${sent}\n${messages.length ? snapshotText({ ...snapshot, messages }) : bare}`
}

/** Whether two texts differ in nothing but their first lines, which tell when. */
export function isSameSession(one: string, other: string | null): boolean {
  return one.slice(one.indexOf('\n')) === other?.slice(other.indexOf('\n'))
}

/**
 * Reads what is stored, whoever has written it; `null` where it is nothing to go on with: no session, or one that the server has forgotten by
 * this instant of the wall clock (or whose clock was set by more than that).
 */
export function readStored(text: string | null, wallNow: number): StoredSession | null {
  try {
    const [, storedAt = '', windowMs = '', sent = '', json = ''] = /^(\d+) (\d+) (\d+)\n(.*)$/.exec(text ?? '') ?? []
    const snapshot = parseSnapshot(json)
    const stored = { storedAt: countOf(+storedAt), windowMs: countOf(+windowMs), sent: countOf(+sent), snapshot }
    must(stored.sent - snapshot.first < mostMessages && Math.abs(wallNow - stored.storedAt) <= stored.windowMs)
    return stored
  } catch {
    return null
  }
}

/** The numbers of what the page before has sent, and this one cannot: where the server has not taken them, they are lost. */
export function lostNumbers({ sent, snapshot }: StoredSession, data: readonly (string | ArrayBuffer | null)[]): number[] {
  const numbers = Array.from({ length: Math.max(0, sent + 1 - snapshot.first) }, (_, index) => snapshot.first + index)
  return numbers.filter((n) => (data[n - snapshot.first] ?? null) === null)
}

/** The oldest, as many as may be stored. */
function fitting(messages: readonly KeptMessage[]): readonly KeptMessage[] {
  let chars = 0
  const end = messages.findIndex(({ data }) => {
    chars += typeof data === 'string' ? JSON.stringify(data).length : ((data?.byteLength ?? 0) * 4) / 3
    return chars > maxStoredPayloadChars
  })
  return end < 0 ? messages : messages.slice(0, end)
}
