import type { TopicPlace } from '../wire/calls.ts'
import { countOf, must, textOf } from '../wire/readers.ts'
import { cursorText } from '../wire/steadfast-v1.ts'
import type { Gap } from './session-port.ts'

/** The parsed JSON of a frame: whatever the server sent. */
type Json<Name extends string> = { readonly [Each in Name]: unknown }

export type GapFrame = Json<'stream' | 'epoch' | 'topic' | 'after' | 'resumesAt'>
export type AnnounceFrame = Json<'stream' | 'at' | 'epoch' | 'topic' | 'from'>
export type WithdrawFrame = Json<'stream' | 'at'>

interface Stream {
  readonly epoch: string
  readonly topic: string
  offset: number
}

/** How far a stream was taken; stream 0 is private to the session, and its epoch is that of the session's record. */
export interface StreamPlace extends Readonly<Stream> {
  readonly stream: number
}

/** How far the client has taken each stream of its session. */
export class StreamCursors {
  readonly #streams = new Map<number, Stream>()

  /** All of them, as a hello and an acknowledgment tell them. */
  get text(): string {
    return cursorText(this.#streams)
  }

  get places(): readonly StreamPlace[] {
    return Array.from(this.#streams, ([stream, place]) => ({ stream, ...place }))
  }

  get(stream: number): Stream | undefined {
    return this.#streams.get(stream)
  }

  /** Whether it has not been taken yet (rule 1). A stream that nobody has announced has no place to be compared with. */
  isNew(stream: number, offset: number): boolean {
    return offset > (this.#streams.get(stream)?.offset ?? Infinity)
  }

  /**
   * A stream goes on behind this offset.
   * @throws what the cursor could not tell the server again: it is refused here, not by the server
   */
  begin(stream: number, epoch: unknown, topic: unknown, offset: unknown): void {
    this.#streams.set(stream, { epoch: epochOf(epoch), topic: textOf(topic), offset: countOf(offset) })
  }

  /** A stream is announced at its place in stream 0; returns whether that is news. */
  announce(frame: AnnounceFrame): boolean {
    const at = countOf(frame.at)
    const stream = countOf(frame.stream)
    // Behind a gap in stream 0 the server says again what was announced in it, at the place where the gap ends.
    const isLate = at === this.#streams.get(0)?.offset && !this.#streams.has(stream)
    if (!this.isNew(0, at) && !isLate) return false
    this.begin(stream, frame.epoch, frame.topic, frame.from)
    this.move(0, at)
    return true
  }

  /** A stream ends at a place in stream 0; returns the topic that the stream was of, or `false` where that is no news. */
  withdraw(frame: WithdrawFrame): string | false {
    const at = countOf(frame.at)
    if (!this.isNew(0, at)) return false
    const stream = countOf(frame.stream)
    const topic = this.#streams.get(stream)?.topic ?? ''
    this.#streams.delete(stream)
    this.move(0, at)
    return topic
  }

  /** A stream goes on behind messages that the server can no longer replay; `null` where they have been taken. */
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

  /** How far the newest stream of a topic has been taken. */
  placeOf(topic: string): TopicPlace | undefined {
    const stream = [...this.#streams.values()].reverse().find((each) => each.topic === topic)
    return stream && { epoch: stream.epoch, offset: stream.offset }
  }

  /** Whether there is a stream of this topic. */
  has(topic: string): boolean {
    return this.placeOf(topic) !== undefined
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
