import { isTopicName, presenceTopicOf } from '../../wire/calls.ts'
import type { Payload, SessionRecord } from '../store/ports.ts'
import { jsonCopyOf } from '../util/json.ts'
import { kindOf, payloadOf } from '../util/payload.ts'
import { isThenable } from '../util/thenable.ts'

/** A session that is subscribed to a topic and has a client, as others see it. */
export interface Member<Info = unknown> {
  /** Identifies this stay in the topic: a session that leaves and joins again gets another id. */
  readonly id: string
  /** What the option `presence` returned for the session. */
  readonly info: Info
}

/** A member as the store keeps it. */
export interface Stay extends Member {
  readonly session: string
  /** The node where the client is attached, or was last. */
  readonly node: string
  /** The client's turn there, by which a node that is late does not take over a member that has moved on. */
  readonly turn: number
  /** The leave is being published; a session that comes back joins anew. */
  readonly isLeaving: boolean
}

/** A change of one topic's members that a node wants to write. It retries if another node wrote first. */
export type MemberChange =
  /** The session's client is attached to the node, since this turn; 0 if it has not chosen this attachment yet. */
  | ({ readonly type: 'join' } & Omit<Stay, 'isLeaving'>)
  /** The session's client is gone from the node, and has not attached to another. */
  | { readonly type: 'leave'; readonly session: string; readonly node: string }
  /** A node is dead: its members that have not attached to another node leave. */
  | { readonly type: 'node-died'; readonly node: string }
  /** The leave was published. */
  | { readonly type: 'left'; readonly id: string }

/** The stays after some changes, and the joins and leaves to publish. */
export interface MembersAfter {
  readonly stays: readonly Stay[]
  readonly joined: readonly Stay[]
  readonly leaving: readonly Stay[]
}

/** Pure: applies changes to the members of a topic. Returns the same list if nothing has changed. */
export function changed(before: readonly Stay[], changes: readonly MemberChange[]): MembersAfter {
  let stays = before
  const joined: Stay[] = []
  for (const change of changes) {
    switch (change.type) {
      case 'join': {
        const { session, node, turn, id, info } = change
        const known = stays.find((stay) => stay.session === session && !stay.isLeaving)
        if (known && (known.turn > turn || (known.turn === turn && known.node === node))) break
        if (known) stays = stays.map((stay) => (stay === known ? { ...stay, node, turn } : stay))
        else {
          const stay = { id, info, session, node, turn, isLeaving: false }
          joined.push(stay)
          stays = [...stays, stay]
        }
        break
      }
      case 'leave':
        stays = leaving(stays, (stay) => stay.session === change.session && stay.node === change.node)
        break
      case 'node-died':
        stays = leaving(stays, (stay) => stay.node === change.node)
        break
      case 'left':
        if (stays.some(({ id }) => id === change.id)) stays = stays.filter(({ id }) => id !== change.id)
        break
      default:
        change satisfies never
    }
  }
  // This node also publishes a leave that another node has marked, in case that node has died: publications have keys.
  return { stays, joined, leaving: stays.filter(({ isLeaving }) => isLeaving) }
}

function leaving(stays: readonly Stay[], isMeant: (stay: Stay) => boolean): readonly Stay[] {
  const isAny = stays.some((stay) => !stay.isLeaving && isMeant(stay))
  return isAny ? stays.map((stay) => (!stay.isLeaving && isMeant(stay) ? { ...stay, isLeaving: true } : stay)) : stays
}

/** The store's id of the record that holds a topic's members. No client can have a session of this id. */
export function recordIdOf(topic: string): string {
  return `presence of ${topic}`
}

/** A record that holds no session: it is marked as ended, so that the store neither counts it nor lists it for a principal. */
export function holderRecord(epoch: string, data: unknown): SessionRecord {
  return {
    epoch,
    data,
    principalId: '',
    principal: null,
    authenticatedAt: 0,
    taken: 0,
    done: 0,
    redeliveredThrough: 0,
    lease: null,
    turn: 0,
    k: 0,
    subscriptions: [],
    lastStream: 0,
    lastEnd: null,
    ended: { by: 'server', code: 4410, reason: 'no session' },
  }
}

export function staysOf(record: SessionRecord | undefined): readonly Stay[] {
  // Only this folder writes such records.
  return (record?.data as { readonly stays: readonly Stay[] } | undefined)?.stays ?? []
}

/** The message on a presence topic: the member, and whether it has joined or left. */
export interface PresenceMessage<Info = unknown> extends Member<Info> {
  readonly type: 'join' | 'leave'
}

/**
 * A join or leave as it is published.
 * @throws whatever the codec throws, which may not know joins and leaves
 */
export function encodedChange(
  type: 'join' | 'leave',
  { id, info }: Member,
  codec: { encode(message: PresenceMessage): unknown } | undefined,
): Payload {
  const message: PresenceMessage = { type, id, info }
  return payloadOf(codec ? codec.encode(message) : JSON.stringify(message), 'publish', Infinity)
}

/** The longest member information, in bytes as JSON: the members of a topic are one record. */
const maxInfoBytes = 1024

/** @throws TypeError or RangeError for invalid member information */
export function infoOf(info: unknown): unknown {
  if (isThenable(info)) {
    // Its rejection would end the process.
    Promise.resolve(info).catch(() => {})
    throw new TypeError('RealtimeServer: presence() returns its value at once; it was a promise.')
  }
  return jsonCopyOf(info, maxInfoBytes, {
    none: () => new TypeError(`RealtimeServer: presence() returns JSON or undefined; it was ${kindOf(info)}.`),
    tooLong: (bytes) =>
      new RangeError(`RealtimeServer: presence() returned ${bytes} bytes of JSON; ${maxInfoBytes} are allowed.`),
  })
}

/** @throws RangeError for a topic whose joins and leaves no store can hold, since the name of theirs would be too long */
export function checkTopicName(topic: string): void {
  if (isTopicName(presenceTopicOf(topic))) return
  throw new RangeError(`RealtimeServer: a topic with presence may have 1,015 characters; it has ${topic.length}.`)
}
