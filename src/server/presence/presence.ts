import { isOwnTopic, presenceTopicOf } from '../../wire/calls.ts'
import type { ServerHost } from '../node/host.ts'
import type { ServerCodec, Session } from '../session/session-handle.ts'
import type { Payload, SessionRecord, SessionStore, Subscription, TopicLog, Versioned } from '../store/ports.ts'
import { partsOf } from '../util/parts.ts'
import { checkTopicName, encodedChange, infoOf, type Member, recordIdOf, type Stay, staysOf } from './members.ts'
import { NodeRecords, nodeTopicsOf } from './node-records.ts'
import { type MembersPort, membersKeptMs, TopicMembers } from './topic-members.ts'

/** The default of `presenceTimeoutMs`. */
const defaultTimeoutMs = 10_000
const none: readonly Subscription[] = []

/** How many topics one call of the store renews. */
const renewAtOnce = 500

/** The option `presence`: returns a JSON value of at most 1,024 bytes; `undefined` if the session is not a member. */
export type PresenceInfo = (session: Session, topic: string) => unknown

/** The node whose sessions are reported. */
export interface PresenceNode {
  readonly id: string
  readonly sessions: SessionStore
  readonly topics: TopicLog
  readonly host: ServerHost
  readonly settings: {
    readonly codec?: ServerCodec<unknown, unknown> | undefined
    readonly presence?: PresenceInfo | undefined
    readonly presenceTimeoutMs?: number | undefined
  }
  readonly isDown: boolean
  elapsedMs(): number
}

/** A session as this node knows it. */
export interface PresentSession {
  readonly id: string
  readonly record: SessionRecord
  readonly handle: Session
}

interface Present {
  subscriptions: readonly Subscription[]
  isHere: boolean
  /** The highest turn with which its client has chosen an attachment to this node. */
  turn: number
  /** The topics of which it is a member, with its information in each. */
  readonly topics: Map<string, unknown>
  /** Cancels the leave of a session whose client may come back. */
  cancelLeave: (() => void) | null
}

/** The members of each topic: this node's part, which it reports, and the reports of all nodes. */
export class Presence implements MembersPort {
  readonly #node: PresenceNode
  readonly #records: NodeRecords
  readonly #topics = new Map<string, TopicMembers>()
  readonly #present = new Map<string, Present>()
  /** How many of these sessions are members of each topic. */
  readonly #membersHere = new Map<string, number>()
  readonly #timeoutMs: number
  #renewedAt = 0
  #keptAt = 0
  /** Whether this node's record of a topic could not be written. */
  #areIncomplete = false
  #isRenewing = false

  constructor(node: PresenceNode) {
    this.#node = node
    this.#timeoutMs = node.settings.presenceTimeoutMs ?? defaultTimeoutMs
    // The next sweep finds an expired record, and all of that has to happen within the timeout.
    this.#records = new NodeRecords(node.id, node.sessions, this.#timeoutMs * 0.6)
  }

  get sessions(): SessionStore {
    return this.#node.sessions
  }

  get host(): ServerHost {
    return this.#node.host
  }

  get isDown(): boolean {
    return this.#node.isDown
  }

  /** A session may have changed on this node: its subscriptions, whether its client is attached here, or the record's turn. */
  sessionChanged(session: PresentSession, isHere: boolean, isChosen: boolean): void {
    const { presence } = this.#node.settings
    const { id, record } = session
    const known = this.#present.get(id)
    if (!presence || (!known && !isHere)) return
    const subscriptions = record.ended ? none : record.subscriptions
    const turn = Math.max(known?.turn ?? 0, isHere && isChosen ? record.turn : 0)
    if (known?.isHere === isHere && known.subscriptions === subscriptions && known.turn === turn) return
    const present = known ?? { subscriptions, isHere, turn, topics: new Map(), cancelLeave: null }
    // Until then it may have been on another node.
    const isBack = isHere && (!present.isHere || turn > present.turn)
    Object.assign(present, { subscriptions, isHere, turn })
    this.#present.set(id, present)
    // A reader of a topic's members is no member of `presence:<topic>`.
    const wanted = new Set(subscriptions.flatMap(({ topic }) => (isOwnTopic(topic) ? [] : [topic])))
    for (const topic of present.topics.keys()) if (!wanted.has(topic)) this.#leave(id, present, topic)
    if (!isHere) {
      present.cancelLeave ??= this.#node.host.after(this.#timeoutMs / 2, () => this.#gone(id, present))
      return
    }
    present.cancelLeave?.()
    present.cancelLeave = null
    for (const topic of wanted) if (isBack || !present.topics.has(topic)) this.#join(session, present, topic, presence)
  }

  /** Lists the members of a topic, on all nodes. */
  async members(topic: string): Promise<readonly Member[]> {
    const read = await this.#node.sessions.read(recordIdOf(topic))
    return staysOf(read?.record).flatMap(({ id, info, isLeaving }) => (isLeaving ? [] : [{ id, info }]))
  }

  /** A record in the store has expired. If it is a node's, that node is dead: its members leave; resolves after that. */
  async expired(id: string, read: Versioned): Promise<void> {
    const died = nodeTopicsOf(id, read)
    if (!died || died.node === this.#node.id) return
    await Promise.all(
      died.topics.map((topic) => {
        const members = this.#membersOf(topic)
        members.change({ type: 'node-died', node: died.node })
        return members.settled()
      }),
    )
  }

  tick(): void {
    for (const [topic, members] of this.#topics) {
      if (!members.isSettled) {
        members.settle()
        continue
      }
      this.#topics.delete(topic)
      if (!this.#membersHere.has(topic)) this.#records.remove(topic)
    }
    if (this.#isRenewing || this.#present.size === 0) return
    this.#isRenewing = true
    this.#renew()
      .catch((error) => this.#node.host.report(error))
      .finally(() => {
        this.#isRenewing = false
      })
  }

  stop(): void {
    for (const { cancelLeave } of this.#present.values()) cancelLeave?.()
    this.#present.clear()
    this.#topics.clear()
    this.#membersHere.clear()
  }

  /** Publishes a join or a leave, once per stay. */
  async publish(topic: string, type: 'join' | 'leave', stay: Stay): Promise<void> {
    let payload: Payload
    try {
      payload = encodedChange(type, stay, this.#node.settings.codec)
    } catch (error) {
      // The codec does not know joins and leaves: it would throw again at every attempt.
      this.host.report(error)
      return
    }
    await this.#node.topics.append(presenceTopicOf(topic), payload, { key: `${type} ${stay.id}` })
  }

  #join(session: PresentSession, present: Present, topic: string, presence: PresenceInfo): void {
    if (!present.topics.has(topic)) {
      let info: unknown
      try {
        info = presence(session.handle, topic)
        if (info === undefined) return
        info = infoOf(info)
        checkTopicName(topic)
      } catch (error) {
        this.host.report(error)
        return
      }
      present.topics.set(topic, info)
      this.#countMembers(topic, 1)
    }
    this.#write(session.id, topic, present.topics.get(topic))
  }

  /** The node's record names the topic before the topic names the node: so the members of a dead node are always found. */
  #write(session: string, topic: string, info: unknown): void {
    this.#records
      .add(topic)
      .then(() => {
        const present = this.#present.get(session)
        if (!present?.topics.has(topic)) return
        const member = { session, node: this.#node.id, turn: present.turn, id: this.host.randomId(), info }
        this.#membersOf(topic).change({ type: 'join', ...member })
      })
      .catch((error) => {
        this.#areIncomplete = true
        this.host.report(error)
      })
  }

  #leave(session: string, present: Present, topic: string): void {
    present.topics.delete(topic)
    this.#countMembers(topic, -1)
    this.#membersOf(topic).change({ type: 'leave', session, node: this.#node.id })
  }

  /** The client of a session has not returned to this node. */
  #gone(id: string, present: Present): void {
    for (const topic of [...present.topics.keys()]) this.#leave(id, present, topic)
    this.#present.delete(id)
  }

  #countMembers(topic: string, change: 1 | -1): void {
    const count = (this.#membersHere.get(topic) ?? 0) + change
    if (count > 0) this.#membersHere.set(topic, count)
    else this.#membersHere.delete(topic)
  }

  #membersOf(topic: string): TopicMembers {
    let members = this.#topics.get(topic)
    if (!members) {
      members = new TopicMembers(topic, this)
      this.#topics.set(topic, members)
    }
    return members
  }

  async #renew(): Promise<void> {
    const { sessions } = this.#node
    const now = this.#node.elapsedMs()
    if (now - this.#renewedAt >= this.#timeoutMs / 6) {
      const areThere = await this.#records.renew()
      this.#renewedAt = now
      // This node was presumed dead, or the store has lost its records: all members that are still here join again.
      if (!areThere || this.#areIncomplete) {
        this.#areIncomplete = false
        for (const [id, { isHere, topics }] of this.#present)
          if (isHere) for (const [topic, info] of topics) this.#write(id, topic, info)
      }
    }
    if (now - this.#keptAt < membersKeptMs / 24) return
    this.#keptAt = now
    const ids = [...this.#membersHere.keys()].map(recordIdOf)
    for (const some of partsOf(ids, renewAtOnce)) await sessions.renew(some, sessions.now() + membersKeptMs)
  }
}
