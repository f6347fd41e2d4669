import type { Payload } from '../api/protocol.ts'
import type { ServerCall } from '../wire/calls.ts'
import type { Place } from '../wire/steadfast-v1.ts'
import type { Entry } from './session-log.ts'
import { topicsEpoch } from './topics.ts'

/** A topic that a session reads. */
export interface Stream {
  readonly stream: number
  /** What the client calls it. */
  readonly name: string
  /** What the server calls it. */
  readonly topic: string
  /** The last offset that the log has lost. */
  lostThrough: number
  /** The last offset that was said. */
  offset: number
}

/** All that is said to the client of one session: its own stream 0, and a stream for each topic that it reads. */
export class SessionStreams {
  readonly #say: (entry: Entry) => void
  #streams: readonly Stream[] = []
  #log: readonly Entry[] = []
  #last = 0
  #offset = 0

  /** @param say writes to the attachments what is new */
  constructor(say: (entry: Entry) => void) {
    this.#say = say
  }

  get all(): readonly Stream[] {
    return this.#streams
  }

  /** Of stream 0. */
  get offset(): number {
    return this.#offset
  }

  named(name: string): Stream | undefined {
    return this.#streams.find((each) => each.name === name)
  }

  /** A message to this client alone. */
  send(message: Payload): void {
    this.#sayNext(() => ({ message }))
  }

  /** Asks the client something, or answers it. */
  call(call: ServerCall): void {
    this.#sayNext(() => ({ call: JSON.stringify(call) }))
  }

  /** A message of a topic. */
  deliver(to: Stream, offset: number, message: Payload): void {
    to.offset = offset
    this.#append({ stream: to.stream, offset, said: { message } })
  }

  /** The client reads a topic from now on, under a name of its own, in the place of an earlier one of that name. */
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

  /** What a client at these places has not had. */
  after(places: ReadonlyMap<number, Place>): readonly Entry[] {
    return this.#log.filter(({ stream, offset }) => offset > (places.get(stream)?.offset ?? 0))
  }

  /** What to tell a client that lacks this message, where the log has lost it. */
  gapAt({ stream, offset }: Entry): { readonly topic: string } | null {
    const known = this.#streams.find((each) => each.stream === stream)
    if (!known || offset > known.lostThrough) return null
    return { ...{ stream, topic: known.name, epoch: topicsEpoch }, ...{ after: offset - 1, resumesAt: known.lostThrough + 1 } }
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
