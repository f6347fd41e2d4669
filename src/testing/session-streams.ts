import type { Payload } from '../api/protocol.ts'
import type { ServerCall } from '../wire/calls.ts'
import type { Place } from '../wire/steadfast-v1.ts'
import type { Entry } from './session-log.ts'
import { topicsEpoch } from './topics.ts'

/** A topic that a session reads. */
export interface Stream {
  readonly stream: number
  /** The client's name for it. */
  readonly name: string
  /** The server's name for it. */
  readonly topic: string
  /** The last offset that the log has lost. */
  lostThrough: number
  /** The last offset that was written. */
  offset: number
}

/** The body of a `g` frame. */
interface GapFrame {
  readonly stream: number
  readonly topic: string
  readonly epoch: string
  readonly after: number
  readonly resumesAt: number
}

/** All streams of one session: its own stream 0, and a stream for each topic that it reads. */
export class SessionStreams {
  readonly #say: (entry: Entry) => void
  #streams: readonly Stream[] = []
  #log: readonly Entry[] = []
  #last = 0
  #offset = 0

  /** @param say writes a new entry to the attachments */
  constructor(say: (entry: Entry) => void) {
    this.#say = say
  }

  get all(): readonly Stream[] {
    return this.#streams
  }

  /** The offset of stream 0. */
  get offset(): number {
    return this.#offset
  }

  named(name: string): Stream | undefined {
    return this.#streams.find((each) => each.name === name)
  }

  /** Appends a message to this client only. */
  send(message: Payload): void {
    this.#sayNext(() => ({ message }))
  }

  /** Appends a call to the client, or an answer. */
  call(call: ServerCall): void {
    this.#sayNext(() => ({ call: JSON.stringify(call) }))
  }

  /** Appends a message of a topic. */
  deliver(to: Stream, offset: number, message: Payload): void {
    to.offset = offset
    this.#append({ stream: to.stream, offset, said: { message } })
  }

  /** Subscribes the client to a topic, under a name that replaces an earlier subscription of that name. */
  subscribe(name: string, topic: string, from: number): Stream {
    this.unsubscribe(name)
    this.#last += 1
    const begun: Stream = { stream: this.#last, name, topic, lostThrough: from, offset: from }
    this.#streams = [...this.#streams, begun]
    const { stream } = begun
    this.#sayNext((at) => ({ announcement: `s${JSON.stringify({ at, stream, topic: name, epoch: topicsEpoch, from })}` }))
    return begun
  }

  unsubscribe(name: string): void {
    const known = this.named(name)
    if (!known) return
    const { stream } = known
    this.#streams = this.#streams.filter((each) => each !== known)
    this.#log = this.#log.filter((each) => each.stream !== stream)
    this.#sayNext((at) => ({ announcement: `u${JSON.stringify({ at, stream })}` }))
  }

  /** The entries that a client at these places has missed. */
  after(places: ReadonlyMap<number, Place>): readonly Entry[] {
    return this.#log.filter(({ stream, offset }) => offset > (places.get(stream)?.offset ?? 0))
  }

  /** The gap for a client that has missed this message, if the log has lost it. */
  gapAt({ stream, offset }: Entry): GapFrame | null {
    const known = this.#streams.find((each) => each.stream === stream)
    if (!known || offset > known.lostThrough) return null
    return { stream, topic: known.name, epoch: topicsEpoch, after: offset - 1, resumesAt: known.lostThrough + 1 }
  }

  #sayNext(say: (at: number) => Entry['said']): void {
    this.#offset += 1
    this.#append({ stream: 0, offset: this.#offset, said: say(this.#offset) })
  }

  #append(entry: Entry): void {
    this.#log = [...this.#log, entry]
    this.#say(entry)
  }
}
