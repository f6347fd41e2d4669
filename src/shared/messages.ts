import type { ClientState, EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { SessionSnapshot } from '../session/snapshot.ts'
import type { ServerCall } from '../wire/calls.ts'
import type { OpenFrame } from '../wire/steadfast-v1.ts'
import type { Past } from './past.ts'

/**
 * The version of these messages. It is part of the channel's name, so that tabs of two releases do not share a connection. To be
 * raised whenever a message here, or what tabs do upon one, changes so that the release before would misread it.
 */
export const tabsVersion = 1

/** A call, as JSON (docs/PROTOCOL.md, rule 21). */
export interface SentCall {
  readonly call: string
}

/** The data of a message, or a call; `null` if it was withdrawn. */
export type Sent = string | ArrayBuffer | SentCall | null

export function isCall(sent: Sent): sent is SentCall {
  return typeof sent === 'object' && sent !== null && 'call' in sent
}

/**
 * Identifies a message by its tab and a number: each tab counts the messages it hands over, from 1. The tab of a call that the
 * leader makes for all tabs is `''`.
 */
export interface Origin {
  readonly tab: string
  readonly seq: number
}

/** A message with its number among those of all tabs. */
export interface Assigned extends Origin {
  /** Its number in the session. */
  readonly n: number
  readonly data: Sent
}

/** A request of the server without an answer, and the life of the session to which it belongs. */
export type Asked = readonly [request: Extract<ServerCall, { readonly type: 'request' }>, life: string]

/** The topics that each tab uses, and those that no tab uses any more. */
export type Uses = readonly [uses: [tab: string, topics: readonly string[]][], unused: string[]]

/** Everything that a tab needs to continue the session. */
export interface Shared {
  readonly session: SessionSnapshot
  readonly opened: OpenFrame | null
  readonly uses: Uses
  readonly asked: readonly Asked[]
  /** The origins of the snapshot's messages, in its order. */
  readonly origins: readonly (Origin | undefined)[]
  /** How many messages of each tab are numbered. */
  readonly assigned: readonly (readonly [tab: string, seq: number])[]
  readonly state: ClientState
  /** The last `open` event of the open connection. */
  readonly open: EventDetails['open'] | null
  /** Whether the connection takes messages. */
  readonly isUp: boolean
}

/** The messages of any tab, whether it leads or not. */
type TabBody =
  /**
   * The tab joins and asks for a `sync` to `as`, a name that is new each time. `isBack`: it was here before, and also asks for
   * what it missed.
   */
  | { readonly type: 'join'; readonly as: string; readonly isBack: boolean }
  /** The tab holds the lock, does not know the session, and asks for a tab that does; that one answers `here`. */
  | { readonly type: 'who' }
  | { readonly type: 'here' }
  /** The tab leads this session from now on, unless another has claimed this term or a higher one. */
  | { readonly type: 'claim'; readonly term: number; readonly session: string }
  /** Asks whether the leader is alive; it answers `beat`. */
  | { readonly type: 'ask' }
  /** Messages to be sent; `seq` is that of the first. */
  | { readonly type: 'post'; readonly seq: number; readonly messages: readonly Sent[] }
  | { readonly type: 'want'; readonly what: 'connect' | 'reconnect' }
  /** The topics that a tab uses; the leader posts that of a tab that is gone. */
  | { readonly type: 'uses'; readonly tab: string; readonly topics: readonly string[] }

/** The messages of the leader only: a tab accepts them if they carry the term and the name of its leader. */
type LeaderBody =
  | { readonly type: 'beat' }
  /**
   * For one tab, to the name under which it joined; or for all tabs (`null`) when a new session has begun. The numbers of messages
   * go on in it, except those that the leader had posted and not received yet: they are void.
   */
  | { readonly type: 'sync'; readonly to: string | null; readonly shared: Shared; readonly past: Past | null }
  | { readonly type: 'up' | 'down' }
  /** These messages are numbered; the leader writes them once it has received this itself. */
  | { readonly type: 'assigned'; readonly messages: readonly Assigned[] }
  /** A frame of the server, posted by the leader as it reads it. */
  | { readonly type: 'frame'; readonly frame: string | ArrayBuffer; readonly place: string }
  /** These messages are never delivered. */
  | { readonly type: 'lost'; readonly numbers: readonly number[]; readonly report: Report }
  /** An event of the leader's connection, and the state of the connection in which the event is raised. */
  | { readonly type: 'event'; readonly event: MirroredEvent; readonly state: ClientState }

/** `from` is the tab that posts the message. */
export type LeaderMessage = LeaderBody & { readonly from: string; readonly term: number }

/** The messages on the channel. Each tab receives all of them, its own too, in the same order. */
export type TabMessage = (TabBody & { readonly from: string }) | LeaderMessage

export type MirroredType = 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis'

/** An event of the leader's connection, which each tab's client raises. */
export type MirroredEvent = {
  readonly [Type in MirroredType]: { readonly type: Type; readonly details: EventDetails[Type] }
}[MirroredType]

const leaderTypes: readonly string[] = ['beat', 'sync', 'up', 'down', 'assigned', 'frame', 'lost', 'event']

export function isOfLeader(message: TabMessage): message is Extract<TabMessage, LeaderMessage> {
  return leaderTypes.includes(message.type)
}
