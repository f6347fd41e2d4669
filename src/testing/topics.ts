import type { Payload } from '../api/protocol.ts'
import type { Subscribed, TopicPlace, TopicSince } from '../wire/calls.ts'

/** The epoch of all topics: a fake server never loses a topic as a whole. */
export const topicsEpoch = 't1'

/** A message of a topic. */
export interface Published {
  readonly offset: number
  readonly message: Payload
}

/** A member, as a page sees it. */
export interface FakeMember {
  readonly id: string
  readonly info: unknown
}

interface Topic {
  offset: number
  published: readonly Published[]
  members: readonly FakeMember[]
}

/** The topics of a fake server: their messages and members. */
export class Topics {
  readonly #topics = new Map<string, Topic>()

  /** Takes the offset for the next message. */
  next(topic: string): number {
    const known = this.#of(topic)
    known.offset += 1
    return known.offset
  }

  /** Keeps a message; returns it with its offset. */
  publish(topic: string, message: Payload): Published {
    const published = { offset: this.next(topic), message }
    const known = this.#of(topic)
    known.published = [...known.published, published]
    return published
  }

  tailOf(topic: string): number {
    return this.#of(topic).offset
  }

  publishedAfter(topic: string, offset: number): readonly Published[] {
    return this.#of(topic).published.filter((each) => each.offset > offset)
  }

  /** Where a subscription begins (docs/PROTOCOL.md, rule 22). */
  placesOf(topic: string, since: TopicSince | undefined, after: TopicPlace | undefined): Subscribed {
    const { offset: tail } = this.#of(topic)
    const at = this.#beginOf(topic, since)
    const from = after === undefined ? at : Math.min(at, after.epoch === topicsEpoch ? after.offset : 0)
    return { epoch: topicsEpoch, from, at, tail }
  }

  membersOf(topic: string): readonly FakeMember[] {
    return this.#of(topic).members
  }

  /** Replaces the members; returns those who have joined and left. */
  setMembers(topic: string, members: readonly FakeMember[]): readonly (FakeMember & { readonly type: 'join' | 'leave' })[] {
    const known = this.#of(topic)
    const isIn = (list: readonly FakeMember[], { id }: FakeMember) => list.some((each) => each.id === id)
    const left = known.members.filter((each) => !isIn(members, each))
    const joined = members.filter((each) => !isIn(known.members, each))
    known.members = [...members]
    return [
      ...left.map((each) => ({ type: 'leave' as const, ...each })),
      ...joined.map((each) => ({ type: 'join' as const, ...each })),
    ]
  }

  #beginOf(topic: string, since: TopicSince | undefined): number {
    const { offset, published } = this.#of(topic)
    if (since === 'start') return 0
    if (typeof since === 'object') return since.last === 0 ? offset : (published.at(-since.last - 1)?.offset ?? 0)
    if (since === undefined) return offset
    return since > offset ? 0 : since
  }

  #of(topic: string): Topic {
    const known = this.#topics.get(topic) ?? { offset: 0, published: [], members: [] }
    this.#topics.set(topic, known)
    return known
  }
}
