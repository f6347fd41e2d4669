import { countOf, must } from '../wire/readers.ts'
import type { KeptMessage } from './session-port.ts'
import { maxMessages, parseSnapshot, type SessionSnapshot, snapshotText } from './snapshot.ts'

/** The limit of numbers, cursors and topics in the storage of a tab, in UTF-16 code units; a longer session is not stored. */
export const maxStoredChars = 65_536
/** The limit of the stored messages, in UTF-16 code units of text; the oldest ones that fit are stored. */
export const maxStoredPayloadChars = 2 ** 20

/** A session in the storage of a tab. */
export interface StoredSession {
  /** When it was stored, in milliseconds since 1970. */
  readonly storedAt: number
  /** How long after that the server keeps the session (`resumeWindowMs`), in milliseconds. */
  readonly windowMs: number
  /** The highest number of a sent or queued message; higher ones in the snapshot were reserved for later messages. */
  readonly sent: number
  readonly snapshot: SessionSnapshot
}

/** Writes a session as text; `null` if it is too long to be stored. */
export function storedText({ storedAt, windowMs, sent, snapshot }: StoredSession): string | null {
  const bare = snapshotText({ ...snapshot, messages: [] })
  if (bare.length > maxStoredChars) return null
  const messages = fitting(snapshot.messages)
  return `${storedAt} ${windowMs} ${sent}\n${messages.length ? snapshotText({ ...snapshot, messages }) : bare}`
}

/** Whether two texts differ only in their first lines, which hold the time. */
export function isSameSession(one: string, other: string | null): boolean {
  return one.slice(one.indexOf('\n')) === other?.slice(other.indexOf('\n'))
}

/**
 * Reads a stored session from an untrusted source; `null` if it cannot be continued: it is not a session, or the server has dropped
 * it by this wall time (or the wall clock was set by more than that).
 */
export function readStored(text: string | null, wallNow: number): StoredSession | null {
  try {
    const [, storedAt = '', windowMs = '', sent = '', json = ''] = /^(\d+) (\d+) (\d+)\n(.*)$/.exec(text ?? '') ?? []
    const snapshot = parseSnapshot(json)
    const stored = { storedAt: countOf(+storedAt), windowMs: countOf(+windowMs), sent: countOf(+sent), snapshot }
    must(stored.sent - snapshot.first < maxMessages && Math.abs(wallNow - stored.storedAt) <= stored.windowMs)
    return stored
  } catch {
    return null
  }
}

/** The numbers of the former page's messages whose data is missing here: unless the server has taken them, they are lost. */
export function lostNumbers({ sent, snapshot }: StoredSession, data: readonly (string | ArrayBuffer | null)[]): number[] {
  const numbers = Array.from({ length: Math.max(0, sent + 1 - snapshot.first) }, (_, index) => snapshot.first + index)
  return numbers.filter((n) => (data[n - snapshot.first] ?? null) === null)
}

/** The oldest messages that fit into the limit. */
function fitting(messages: readonly KeptMessage[]): readonly KeptMessage[] {
  let chars = 0
  const end = messages.findIndex(({ data }) => {
    chars += typeof data === 'string' ? JSON.stringify(data).length : ((data?.byteLength ?? 0) * 4) / 3
    return chars > maxStoredPayloadChars
  })
  return end < 0 ? messages : messages.slice(0, end)
}
