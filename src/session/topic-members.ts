import type { TopicMember, TopicPresence } from '../api/calls.ts'
import type { Host } from '../api/host.ts'
import { Emitter } from '../client/emitter.ts'
import { must, textOf } from '../wire/readers.ts'
import { RequestError } from '../wire/request-error.ts'
import type { TopicsSession } from './topics-session.ts'

const nobody: readonly TopicMember[] = Object.freeze([])

/** The members of a topic: a list that the server sends, updated by each join and leave. */
export class TopicMembers implements TopicPresence<never> {
  readonly #topic: string
  readonly #session: Pick<TopicsSession, 'send'>
  readonly #events: Emitter<'change', undefined>
  #members: readonly TopicMember[] = nobody
  /** The number of pending requests for the list, and the joins and leaves since the first of them. */
  #asking = 0
  #changes: unknown[] = []
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
    this.missed()
  }

  /** The server has lost the session, or the subscription has ended. */
  restore(): void {
    this.#isSubscribed = false
  }

  end(): void {
    this.#isOver = true
  }

  /** Asks for the list, if it is used: joins and leaves may have been missed. */
  missed(): void {
    if (this.#isUsed && this.#isSubscribed) this.#ask()
  }

  /** Applies a join or leave: the decoded publication, or its JSON without a codec. */
  changed(data: unknown): void {
    if (!this.#isUsed) return
    if (this.#asking) this.#changes.push(data)
    const members = changedBy(this.#members, data)
    if (members === this.#members) return
    this.#members = members
    this.#events.emit('change', undefined, null, this)
  }

  #use(): void {
    if (this.#isUsed || this.#isOver) return
    this.#isUsed = true
    this.missed()
  }

  #ask(): void {
    this.#asking += 1
    this.#session.send(
      { type: 'members', topic: this.#topic },
      {
        answered: (answer) => {
          const changes = this.#settled()
          if (answer.type === 'error') this.#error = new RequestError(answer.code, answer.message)
          else {
            // The list may be older than joins and leaves that have arrived before it.
            this.#members = changes.reduce(changedBy, membersIn(answer.value))
            this.#isSubscribed = this.#isKnown = true
            this.#error = null
          }
          this.#events.emit('change', undefined, null, this)
        },
        lost: (why) => {
          this.#settled()
          if (why === 'lost') this.#ask()
        },
      },
    )
  }

  /** A request for the list is no longer pending; returns the joins and leaves since it was sent. */
  #settled(): readonly unknown[] {
    this.#asking -= 1
    const changes = this.#changes
    if (!this.#asking) this.#changes = []
    return changes
  }
}

/** The members after a join or leave; the same list if that changes nothing. */
function changedBy(members: readonly TopicMember[], data: unknown): readonly TopicMember[] {
  const { type, id, info }: { readonly type?: unknown; readonly id?: unknown; readonly info?: unknown } = objectOf(data)
  const isKnown = members.some((each) => each.id === id)
  if (type === 'leave' && isKnown) return members.filter((each) => each.id !== id)
  return type === 'join' && typeof id === 'string' && !isKnown ? [...members, { id, info }] : members
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
