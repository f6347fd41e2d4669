import type {
  RequestOptions,
  Since,
  Topic,
  TopicEvent,
  TopicEventDetails,
  TopicMessage,
  TopicPresence,
  TopicState,
} from '../api/calls.ts'
import { Emitter } from '../client/emitter.ts'
import { type MessageIterator, MessageQueue } from '../client/message-iterator.ts'
import type { TopicPlace } from '../wire/calls.ts'
import type { RequestError } from '../wire/request-error.ts'

type EventType = keyof TopicEventDetails<unknown>
type AnyEvent<In> = TopicEvent<EventType, In>

/** The topic of which it is a use. */
export interface TopicSource<Out> {
  readonly name: string
  readonly state: TopicState
  readonly error: RequestError | null
  readonly presence: TopicPresence
  /** Nobody uses it any more, or the server has refused it. */
  readonly isOver: boolean
  publish(data: Out, options?: RequestOptions): Promise<number>
  remove(handle: object): void
}

/** One use of a topic: it takes what lies behind its own place, wherever the subscription that it shares begins. */
export class TopicHandle<In, Out> implements Topic<In, Out> {
  readonly name: string
  readonly #shared: TopicSource<Out>
  /** Whether it begins anywhere but where the topic is when the server reads it. */
  readonly hasSince: boolean
  readonly #events: Emitter<EventType, AnyEvent<In>>
  #queues: readonly MessageQueue<TopicMessage<In>>[] = []
  /** How far it has taken the topic; `null` until the server has said where it begins. */
  #place: TopicPlace | null = null
  #isOver = false

  constructor(shared: TopicSource<Out>, since: Since | undefined, report: (error: unknown) => void) {
    this.name = shared.name
    this.#shared = shared
    this.hasSince = since !== undefined
    this.#events = new Emitter(report)
  }

  get state(): TopicState {
    return this.#isOver ? 'ended' : this.#shared.state
  }

  get error(): RequestError | null {
    return this.#shared.error
  }

  get presence(): TopicPresence {
    return this.#shared.presence
  }

  on<Type extends EventType>(type: Type, listener: (event: TopicEvent<Type, In>) => void): () => void {
    return this.#events.add(type, listener as (event: AnyEvent<In>) => void)
  }

  publish(data: Out, options?: RequestOptions): Promise<number> {
    return this.#shared.publish(data, options)
  }

  unsubscribe(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.endIterations()
    this.#shared.remove(this)
  }

  /** `for await (const message of topic)`: ends with the topic. With more than 1,000 messages or 1 MiB unread it ends with an error. */
  [Symbol.asyncIterator](): MessageIterator<TopicMessage<In>> {
    const queue: MessageQueue<TopicMessage<In>> = new MessageQueue(() => {
      this.#queues = this.#queues.filter((each) => each !== queue)
    })
    if (this.#isOver || this.#shared.isOver) queue.end(null)
    else this.#queues = [...this.#queues, queue]
    return queue
  }

  // What the subscription reports.

  /** The server reads the topic for the session, and this use begins behind that place, unless it has begun before. */
  begin(place: TopicPlace): void {
    this.#place ??= place
  }

  /** A message lies behind what this use has taken. */
  received(data: In, place: TopicPlace): void {
    const known = this.#place
    // What comes before the server has said where this use begins is of the subscription that it will replace.
    if (!known || (known.epoch === place.epoch && place.offset <= known.offset)) return
    this.#place = place
    const message = { type: 'message', topic: this.name, data, offset: place.offset } as const
    for (const queue of this.#queues) queue.push(message, typeof data === 'string' ? data.length : 1)
    this.emit('message', message)
  }

  /** The server can no longer replay what lies before this offset. */
  missed(after: number | null, { epoch, offset }: TopicPlace): void {
    const known = this.#place
    if (!known || (known.epoch === epoch && offset <= known.offset)) return
    this.#place = { epoch, offset }
    this.emit('gap', { after: known.epoch === epoch ? (after ?? known.offset) : null, resumesAt: offset + 1 })
  }

  emit<Type extends EventType>(type: Type, details: TopicEventDetails<In>[Type]): void {
    this.#events.emit(type, { ...details, type, topic: this.name } as AnyEvent<In>, null)
  }

  endIterations(): void {
    for (const queue of this.#queues) queue.end(null)
  }
}
