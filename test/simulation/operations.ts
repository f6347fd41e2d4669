import type { Ban, Buffering, Notice, RequestKind } from './network.ts'
import type { Kind } from './payloads.ts'

export type Signal = 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'pageshow' | 'freeze' | 'resume'

/** Something that happens at a time. All of it is drawn before the run, so that leaving one out leaves the others as they are. */
export type Operation = { readonly at: number } & (
  | { readonly type: 'send'; readonly count: number; readonly kind: Kind; readonly size: number }
  /** The page asks so many things in one task. */
  | { readonly type: 'request'; readonly count: number }
  | { readonly type: 'push'; readonly node: number; readonly count: number; readonly kind: Kind; readonly size: number }
  | {
      readonly type: 'publish'
      readonly node: number
      readonly topic: string
      readonly count: number
      readonly kind: Kind
      readonly size: number
    }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly node: number; readonly topic: string }
  /** Breaks a connection: `pick` in [0, 1) chooses among those that there are. */
  | {
      readonly type: 'kill'
      readonly pick: number
      readonly shareUp: number
      readonly shareDown: number
      readonly notice: Notice
    }
  | { readonly type: 'kill-all'; readonly shareUp: number; readonly shareDown: number; readonly notice: Notice }
  | { readonly type: 'stall'; readonly forMs: number }
  | { readonly type: 'line'; readonly latencyMs: number; readonly jitterMs: number; readonly bytesPerMs: number }
  | { readonly type: 'proxy'; readonly proxy: Buffering | null }
  | { readonly type: 'ban'; readonly kind: RequestKind; readonly ban: Ban; readonly killsLiving: boolean }
  | { readonly type: 'allow'; readonly kind: RequestKind }
  | { readonly type: 'outage'; readonly how: 'refuse' | 'hang'; readonly forMs: number; readonly isToldOffline: boolean }
  | { readonly type: 'sleep'; readonly forMs: number; readonly wakesWith: readonly Signal[] }
  | { readonly type: 'signal'; readonly signal: Signal }
  | { readonly type: 'clock'; readonly byMs: number }
  /** A node's clock on the wall is set. */
  | { readonly type: 'node-clock'; readonly node: number; readonly byMs: number }
  /** So many other clients come to a node, one every `everyMs`, and stay there idle. */
  | { readonly type: 'grow'; readonly node: number; readonly sessions: number; readonly everyMs: number }
  | { readonly type: 'crash'; readonly node: number; readonly forMs: number; readonly notice: 'page' | 'nobody' }
  | { readonly type: 'leave'; readonly node: number; readonly forMs: number; readonly drainMs: number }
  | { readonly type: 'route'; readonly node: number | null; readonly gateway: 'none' | 502 | 503 }
  | { readonly type: 'trim'; readonly topic: string; readonly share: number }
  | { readonly type: 'evict'; readonly topic: string }
  | { readonly type: 'forget' }
  /** The store loses the last of what it has acknowledged, and begins another life. */
  | { readonly type: 'rewind' }
  /** Announcements of the store do not reach a node. */
  | { readonly type: 'deaf'; readonly node: number; readonly forMs: number }
  | { readonly type: 'store'; readonly forMs: number; readonly fails: 'before' | 'after' | 'never'; readonly share: number }
  /** The server ends the session; where the client hears of it, it connects again after a while, or never. */
  | { readonly type: 'kick'; readonly node: number; readonly code: number; readonly againAfterMs: number }
)

/** What is the same for the whole of a run. */
export interface Setting {
  /** The transports that the client may use: how many of the ranking, and from which on. */
  readonly firstTransport: number
  readonly lastTransport: number
  readonly heartbeatMs: number
  readonly resumeWindowMs: number
  readonly leaseMs: number
  /** What the store takes at most to answer; 0: it answers in the same instant. */
  readonly storeMs: number
  /** How long handlers run at most. */
  readonly handlerMs: number
  /** How many handlers throw, and how many answer. */
  readonly throwShare: number
  readonly echoShare: number
  readonly hasOnEnd: boolean
  /** Whether each session stays on the node where it began. */
  readonly isPinned: boolean
  /** Whether a client whose session was lost sends again. */
  readonly resends: boolean
  readonly maxMessageBytes: number
  readonly maxBatchBytes: number
  /** What the server's sockets take before they call themselves full. */
  readonly socketBytes: number
  /** The transport that worked on an earlier visit. */
  readonly remembered: string | null
}

export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  readonly operations: readonly Operation[]
  /** When the network becomes whole. */
  readonly endMs: number
}

export function describeOperation(operation: Operation): string {
  const { at, type, ...rest } = operation
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [type, ...details].join(' ')
}
