import type { TopicMember, TopicPresence } from '../api/calls.ts'
import type { Host } from '../api/host.ts'
import { Emitter } from '../client/emitter.ts'
import { must, textOf } from '../wire/readers.ts'
import { RequestError } from '../wire/request-error.ts'
import type { TopicsSession } from './topics-session.ts'

const nobody: readonly TopicMember[] = Object.freeze([])

/** The members of a topic: a list that the server sends once, updated by each join and leave. */
export class TopicMembers implements TopicPresence<never> {
  readonly #topic: string
  readonly #session: Pick<TopicsSession, 'send'>
  readonly #events: Emitter<'change', undefined>
  #members: readonly TopicMember[] = nobody
  #isKnown = false
  #error: RequestError | null = null
  #isUsed = false
  #isSubscribed = false
  #isOver = false

  constructor(topic: string, host: Host, session: Pick<TopicsSession, 'send'>) {
    this.#topic = topic
    this.#session = session
    this.#events = new Emitter((error) => host.report(error))
  }

  get members(): readonly TopicMember<never>[] {
    this.#use()
    // Only the application knows the type.
    return this.#members as readonly TopicMember<never>[]
  }

  get isKnown(): boolean {
    this.#use()
    return this.#isKnown
  }

  get error(): RequestError | null {
    return this.#error
  }

  on(type: 'change', listener: () => void): () => void {
    this.#use()
    return this.#events.add(type, listener)
  }

  /** The server has subscribed the session to the topic; it does not send the members before. */
  subscribed(): void {
    if (this.#isSubscribed) return
    this.#isSubscribed = true
    if (this.#isUsed) this.#ask()
  }

  /** The server has lost the session, and the subscription with it. */
  restore(): void {
    this.#isSubscribed = false
  }

  end(): void {
    this.#isOver = true
  }

  /** Applies a join or leave: the decoded publication, or its JSON without a codec. */
  changed(data: unknown): void {
    if (!this.#isUsed) return
    const { type, id, info }: { readonly type?: unknown; readonly id?: unknown; readonly info?: unknown } = objectOf(data)
    if (type === 'leave') this.#set(this.#members.filter((each) => each.id !== id))
    else if (type === 'join' && typeof id === 'string' && !this.#members.some((each) => each.id === id))
      this.#set([...this.#members, { id, info }])
  }

  #use(): void {
    if (this.#isUsed || this.#isOver) return
    this.#isUsed = true
    if (this.#isSubscribed) this.#ask()
  }

  #ask(): void {
    this.#session.send(
      { type: 'members', topic: this.#topic },
      {
        answered: (answer) => {
          if (answer.type === 'error') this.#error = new RequestError(answer.code, answer.message)
          else {
            this.#members = membersIn(answer.value)
            this.#isKnown = true
            this.#error = null
          }
          this.#events.emit('change', undefined, null)
        },
        lost: (why) => {
          if (why === 'lost') this.#ask()
        },
      },
    )
  }

  #set(members: readonly TopicMember[]): void {
    if (members.length === this.#members.length && members.every((each, index) => each === this.#members[index])) return
    this.#members = members
    this.#events.emit('change', undefined, null)
  }
}

function membersIn(value: unknown): readonly TopicMember[] {
  must(Array.isArray(value))
  return value.map((member: unknown) => {
    const { id, info }: { readonly id?: unknown; readonly info?: unknown } = objectOf(member)
    return { id: textOf(id), info }
  })
}

function objectOf(data: unknown): object {
  if (typeof data !== 'string') return typeof data === 'object' && data ? data : {}
  try {
    return objectOf(Object(JSON.parse(data)))
  } catch {
    return {}
  }
}
