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

/** The topic that a handle uses. */
export interface TopicSource<Out> {
  readonly name: string
  readonly state: TopicState
  readonly error: RequestError | null
  readonly presence: TopicPresence
  /** Whether the topic has no more uses, or the server has refused it. */
  readonly isOver: boolean
  publish(data: Out, options?: RequestOptions): Promise<number>
  remove(handle: object): void
}

/** One use of a topic: it delivers the messages after its own place, wherever the shared subscription begins. */
export class TopicHandle<In, Out> implements Topic<In, Out> {
  readonly name: string
  readonly #shared: TopicSource<Out>
  /** Where it begins; `undefined`: at the present end of the topic. */
  readonly since: Since | undefined
  readonly #events: Emitter<EventType, AnyEvent<In>>
  #queues: readonly MessageQueue<TopicMessage<In>>[] = []
  /** How far this use has read; `null` until the server has said where it begins. */
  #place: TopicPlace | null = null
  /** Whether messages were missed since the last one. */
  #hasGap = false
  #isOver = false

  constructor(shared: TopicSource<Out>, since: Since | undefined, report: (error: unknown) => void) {
    this.name = shared.name
    this.#shared = shared
    this.since = since
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

  /** `for await (const message of topic)`: ends with the topic, or with an error at more than 1,000 messages or 1 MiB unread. */
  [Symbol.asyncIterator](): MessageIterator<TopicMessage<In>> {
    const queue: MessageQueue<TopicMessage<In>> = new MessageQueue(() => {
      this.#queues = this.#queues.filter((each) => each !== queue)
    })
    if (this.#isOver || this.#shared.isOver) queue.end(null)
    else this.#queues = [...this.#queues, queue]
    return queue
  }

  // Called by the subscription:

  get isWaiting(): boolean {
    return !this.#place
  }

  /** The server has subscribed the session: this use begins after that place, unless it has begun before. */
  begin(place: TopicPlace): void {
    this.#place ??= place
  }

  /** Delivers a message, unless this use has read it already. */
  received(data: In, place: TopicPlace): void {
    const known = this.#place
    // Messages before `begin` belong to the subscription that is about to be replaced.
    if (!known || (known.epoch === place.epoch && place.offset <= known.offset)) return
    this.#place = place
    const { epoch, offset } = place
    const afterGap = this.#hasGap && ({ afterGap: true } as const)
    this.#hasGap = false
    const message = { type: 'message', topic: this.name, id: `${epoch}.${offset}`, data, offset, ...afterGap } as const
    for (const queue of this.#queues) queue.push(message, typeof data === 'string' ? data.length : 1)
    this.emit('message', message)
  }

  /** The server can no longer replay the messages up to this place. */
  missed(after: number | null, { epoch, offset }: TopicPlace): void {
    const known = this.#place
    if (!known || (known.epoch === epoch && offset <= known.offset)) return
    this.#place = { epoch, offset }
    this.#hasGap = true
    this.emit('gap', { after: known.epoch === epoch ? (after ?? known.offset) : null, resumesAt: offset + 1 })
  }

  emit<Type extends EventType>(type: Type, details: TopicEventDetails<In>[Type]): void {
    this.#events.emit(type, { ...details, type, topic: this.name } as AnyEvent<In>, null, this)
  }

  endIterations(): void {
    for (const queue of this.#queues) queue.end(null)
  }
}
