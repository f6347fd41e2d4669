import type { Gap, SessionMessage } from '../session/session-port.ts'
import type { StreamPlace } from '../session/stream-cursors.ts'

/** The most messages in one part of the past, and the most characters or bytes. */
const partMessages = 500
const partSize = 2 ** 19

/** A message, and the epoch of its stream. */
export interface PastMessage extends SessionMessage {
  readonly epoch: string
}

/** The last messages of a session: all that follow these places. */
export interface Past {
  readonly places: readonly StreamPlace[]
  readonly messages: readonly PastMessage[]
}

/** What a tab that was away has missed: the messages still kept, and gaps for those that are not. */
export interface Missed {
  readonly gaps: readonly Gap[]
  readonly messages: readonly SessionMessage[]
  /** Used topics whose subscription has ended since, or was replaced: another one after the last message read repeats the rest. */
  readonly ended: readonly string[]
}

/**
 * The last messages of a session, for a tab that was away. They are kept in two parts, each of at most 500 messages, or half a Mi
 * of characters or bytes and the message that exceeds it; a full part replaces the older one.
 */
export class PastKeeper {
  #older: Past
  #newer: { readonly places: readonly StreamPlace[]; readonly messages: PastMessage[] }
  #size = 0

  /** @param places how far each stream was read */
  constructor(past: Past, places: readonly StreamPlace[]) {
    this.#older = past
    this.#newer = { places, messages: [] }
  }

  get past(): Past {
    return { places: this.#older.places, messages: [...this.#older.messages, ...this.#newer.messages] }
  }

  /** Adds a message that is about to be delivered; `places`: how far each stream was read before it. */
  add(message: PastMessage, places: () => readonly StreamPlace[]): void {
    if (this.#newer.messages.length >= partMessages || this.#size > partSize) {
      this.#older = this.#newer
      this.#newer = { places: places(), messages: [] }
      this.#size = 0
    }
    this.#newer.messages.push(message)
    const { data } = message
    this.#size += typeof data === 'string' ? data.length : data.byteLength
  }
}

/** The place of a message in its stream. */
export function placeIn({ id }: SessionMessage): { readonly stream: number; readonly offset: number } {
  const [stream = 0, offset = 0] = id.split('.').map(Number)
  return { stream, offset }
}

/** How far a stream was read in this epoch. */
export function takenOf(places: readonly StreamPlace[], stream: number, epoch: string): number {
  return Math.max(-1, ...places.flatMap((place) => (place.stream === stream && place.epoch === epoch ? place.offset : [])))
}

/**
 * Pure: what a tab has missed that had read the streams as far as `had`; `now`: how far the session has read them. The messages
 * of the topics that have `ended` are left out.
 */
export function missedBy(
  had: readonly StreamPlace[],
  { places, messages }: Past,
  now: readonly StreamPlace[],
  ended: readonly string[],
): Missed {
  const taken: Record<string, number> = {}
  return {
    ended,
    gaps: places.flatMap(({ stream, epoch, topic, offset }) => {
      const after = takenOf(had, stream, epoch)
      return after >= 0 && after < offset && !ended.includes(topic) ? [{ topic, after, resumesAt: offset + 1 }] : []
    }),
    messages: messages.filter((message) => {
      const { epoch, topic } = message
      const { stream, offset } = placeIn(message)
      const key = `${stream} ${epoch}`
      if (ended.includes(topic)) return false
      // Messages that a former leader read and no tab received are in its past twice.
      const isNews = offset > (taken[key] ?? takenOf(had, stream, epoch)) && offset <= takenOf(now, stream, epoch)
      if (isNews) taken[key] = offset
      return isNews
    }),
  }
}
