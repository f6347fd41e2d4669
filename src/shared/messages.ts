import type { ClientState, EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { SessionSnapshot } from '../session/snapshot.ts'
import type { OpenFrame } from '../wire/steadfast-v1.ts'
import type { Past } from './past.ts'

/** A call, as JSON (docs/PROTOCOL.md, rule 21). */
export interface SentCall {
  readonly call: string
}

/** What is sent: a message's data, or a call. */
export type Sent = string | ArrayBuffer | SentCall

export function isCall(sent: Sent): sent is SentCall {
  return typeof sent === 'object' && 'call' in sent
}

/** Which message of which tab: a tab counts those that it has handed over, from 1. */
export interface Origin {
  readonly tab: string
  readonly seq: number
}

/** A message with its place among those of all tabs. */
export interface Assigned extends Origin {
  /** Its number in the session. */
  readonly n: number
  readonly data: Sent
}

/** All that a tab has to know to go on with the session. */
export interface Shared {
  readonly session: SessionSnapshot
  readonly opened: OpenFrame | null
  /** Whose messages those of the snapshot are, in its order. */
  readonly origins: readonly Origin[]
  /** How many messages of each tab have a place. */
  readonly assigned: readonly (readonly [tab: string, seq: number])[]
  readonly state: ClientState
  /** The last `open` of the connection that is open. */
  readonly open: EventDetails['open'] | null
  /** Whether the connection takes messages. */
  readonly isUp: boolean
}

/** What a tab says, whether it leads or not. */
type Words =
  /**
   * It is here, and has to be told how the session stands, under a name that is new each time it comes; `isBack`: it was here before, and has to
   * be told what it has missed.
   */
  | { readonly type: 'join'; readonly as: string; readonly isBack: boolean }
  /** It holds the lock, and does not know the session: does anybody? */
  | { readonly type: 'who' }
  | { readonly type: 'here' }
  /** It leads this session from now on, where no other has said so under this term or a higher one. */
  | { readonly type: 'claim'; readonly term: number; readonly session: string }
  /** Is the leader there? */
  | { readonly type: 'ask' }
  /** Messages to be sent; `seq` is that of the first. */
  | { readonly type: 'post'; readonly seq: number; readonly messages: readonly Sent[] }
  | { readonly type: 'want'; readonly what: 'connect' | 'reconnect' }
  /** It uses a topic no more: does another tab? */
  | { readonly type: 'leave' | 'keep'; readonly topic: string }

/** What only the leader says: it holds where it is heard under the leader's term, and nowhere else. */
type LeaderWords =
  | { readonly type: 'beat' }
  /** For one tab, under the name with which it has joined, or for all (`null`) where the session has begun anew. */
  | { readonly type: 'sync'; readonly to: string | null; readonly shared: Shared; readonly past: Past | false }
  | { readonly type: 'up' | 'down' }
  /** These have a place, and are written once this was heard. */
  | { readonly type: 'assigned'; readonly messages: readonly Assigned[] }
  /** A frame of the server, which the leader has read. */
  | { readonly type: 'frame'; readonly frame: string | ArrayBuffer; readonly told: string }
  /** These will never pass. */
  | { readonly type: 'lost'; readonly numbers: readonly number[]; readonly report: Report }
  | { readonly type: 'event'; readonly event: MirroredEvent }

/** `from` is the tab that says it. */
export type LeaderMessage = LeaderWords & { readonly from: string; readonly term: number }

/** What tabs say to each other. Every tab hears all of it, its own words too, in one order. */
export type TabMessage = (Words & { readonly from: string }) | LeaderMessage

export type MirroredType = 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis'

/** What the leader's connection has told, as every client tells it. */
export type MirroredEvent = {
  readonly [Type in MirroredType]: { readonly type: Type; readonly details: EventDetails[Type] }
}[MirroredType]

const leaderTypes: readonly string[] = ['beat', 'sync', 'up', 'down', 'assigned', 'frame', 'lost', 'event']

export function isOfLeader(message: TabMessage): message is Extract<TabMessage, LeaderMessage> {
  return leaderTypes.includes(message.type)
}
