import type { ReadPlace, TopicPlace } from '../wire/calls.ts'
import { countOf, must, textOf } from '../wire/readers.ts'
import { cursorText } from '../wire/steadfast-v1.ts'
import type { Gap } from './session-port.ts'

/** The parsed, unchecked JSON of a frame. */
type Json<Name extends string> = { readonly [Each in Name]: unknown }

export type GapFrame = Json<'stream' | 'epoch' | 'topic' | 'after' | 'resumesAt'>
export type AnnounceFrame = Json<'stream' | 'at' | 'epoch' | 'topic' | 'from'>
export type WithdrawFrame = Json<'stream' | 'at'>

interface Stream {
  readonly epoch: string
  readonly topic: string
  offset: number
}

/** How far a stream was read; stream 0 is private to the session, and its epoch is that of the session's record. */
export interface StreamPlace extends Readonly<Stream> {
  readonly stream: number
}

/** How far the client has read each stream of its session. */
export class StreamCursors {
  readonly #streams = new Map<number, Stream>()

  /** The cursor in a hello or an acknowledgment. */
  get text(): string {
    return cursorText(this.#streams)
  }

  get places(): StreamPlace[] {
    return Array.from(this.#streams, ([stream, { epoch, topic, offset }]) => ({ stream, epoch, topic, offset }))
  }

  get(stream: number): Stream | undefined {
    return this.#streams.get(stream)
  }

  /** Whether the message was not read yet (rule 1). A stream that was not announced has no place, so its messages are not new. */
  isNew(stream: number, offset: number): boolean {
    return offset > (this.#streams.get(stream)?.offset ?? Infinity)
  }

  /**
   * Sets the place of a stream to this offset.
   * @throws for values that the cursor cannot carry: they are refused here, rather than later by the server
   */
  begin(stream: number, epoch: unknown, topic: unknown, offset: unknown): void {
    this.#streams.set(stream, { epoch: epochOf(epoch), topic: textOf(topic), offset: countOf(offset) })
  }

  /** Reads the announcement of a stream, at its place in stream 0; returns whether it is new. */
  announce(frame: AnnounceFrame): boolean {
    const at = countOf(frame.at)
    const stream = countOf(frame.stream)
    // After a gap in stream 0 the server repeats the announcements in it, at the place where the gap ends.
    const isLate = at === this.#streams.get(0)?.offset && !this.#streams.has(stream)
    if (!this.isNew(0, at) && !isLate) return false
    this.begin(stream, frame.epoch, frame.topic, frame.from)
    this.move(0, at)
    return true
  }

  /** Reads the end of a stream, at its place in stream 0; returns its topic, or `false` if the frame is not new. */
  withdraw(frame: WithdrawFrame): string | false {
    const at = countOf(frame.at)
    if (!this.isNew(0, at)) return false
    const stream = countOf(frame.stream)
    const topic = this.#streams.get(stream)?.topic ?? ''
    this.#streams.delete(stream)
    this.move(0, at)
    return topic
  }

  /** Skips messages that the server can no longer replay; returns `null` if they were read before. */
  skip(frame: GapFrame): Gap | null {
    const stream = countOf(frame.stream)
    const topic = textOf(frame.topic ?? '')
    const after = frame.after === null ? null : countOf(frame.after)
    const resumesAt = countOf(frame.resumesAt)
    const known = this.#streams.get(stream)
    if (known && known.epoch === frame.epoch && resumesAt <= known.offset + 1) return null
    this.begin(stream, frame.epoch, topic, resumesAt - 1)
    return { topic, after, resumesAt }
  }

  /** How far the newest stream of a topic was read; `undefined` if there is none. */
  placeOf(topic: string): ReadPlace | undefined {
    const newest = this.places.reverse().find((each) => each.topic === topic)
    if (!newest) return
    const { stream, epoch, offset } = newest
    return { stream, life: this.get(0)?.epoch, epoch, offset }
  }

  /** How far both a reader of a topic (`place`) and the newest stream of the topic have read it. */
  readBy(place: TopicPlace | null, topic: string): ReadPlace | undefined {
    const newest = this.placeOf(topic)
    if (!place || !newest) return place ?? newest
    return newest.epoch === place.epoch && newest.offset < place.offset ? newest : { ...newest, ...place }
  }

  move(number: number, offset: number): void {
    const stream = this.#streams.get(number)
    if (stream) stream.offset = offset
  }

  clear(): void {
    this.#streams.clear()
  }
}

export function epochOf(value: unknown): string {
  must(/^[\w-]+$/.test(textOf(value)))
  return textOf(value)
}
