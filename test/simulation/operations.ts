import type { Ban, Buffering, Notice, RequestKind } from './network.ts'
import type { Kind } from './payloads.ts'

export type Signal = 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'pageshow' | 'freeze' | 'resume'

/** An event at a given time. All are drawn before the run, so that leaving one out does not change the others. */
export type Operation = { readonly at: number } & (
  | { readonly type: 'send'; readonly count: number; readonly kind: Kind; readonly size: number }
  /** The page sends this many requests in one task. */
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
  /** Breaks a connection: `pick` in [0, 1) selects one of the existing ones. */
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
  /** The wall clock of a node is changed. */
  | { readonly type: 'node-clock'; readonly node: number; readonly byMs: number }
  /** This many other clients connect to a node, one every `everyMs`, and stay idle. */
  | { readonly type: 'grow'; readonly node: number; readonly sessions: number; readonly everyMs: number }
  | { readonly type: 'crash'; readonly node: number; readonly forMs: number; readonly notice: 'page' | 'nobody' }
  | { readonly type: 'leave'; readonly node: number; readonly forMs: number; readonly drainMs: number }
  | { readonly type: 'route'; readonly node: number | null; readonly gateway: 'none' | 502 | 503 }
  | { readonly type: 'trim'; readonly topic: string; readonly share: number }
  | { readonly type: 'evict'; readonly topic: string }
  | { readonly type: 'forget' }
  /** The store loses its last acknowledged writes, and begins a new life. */
  | { readonly type: 'rewind' }
  /** Announcements of the store do not reach a node. */
  | { readonly type: 'deaf'; readonly node: number; readonly forMs: number }
  | { readonly type: 'store'; readonly forMs: number; readonly fails: 'before' | 'after' | 'never'; readonly share: number }
  /** The server ends the session; a client that learns of it connects again after a while, or never. */
  | { readonly type: 'kick'; readonly node: number; readonly code: number; readonly againAfterMs: number }
)

/** The settings of a whole run. */
export interface Setting {
  /** The transports of the client: the first and the last one in the ranking. */
  readonly firstTransport: number
  readonly lastTransport: number
  readonly heartbeatMs: number
  readonly resumeWindowMs: number
  readonly leaseMs: number
  /** The longest response time of the store; 0: it answers at once. */
  readonly storeMs: number
  /** The longest run time of handlers. */
  readonly handlerMs: number
  /** The shares of handlers that throw, and that reply with a message. */
  readonly throwShare: number
  readonly echoShare: number
  readonly hasOnEnd: boolean
  /** Whether each session stays on the node on which it began. */
  readonly isPinned: boolean
  /** Whether a client whose session was lost resends its messages. */
  readonly resends: boolean
  readonly maxMessageBytes: number
  readonly maxBatchBytes: number
  /** The bytes that a socket of the server buffers before it counts as full. */
  readonly socketBytes: number
  /** The transport in the client's memory from an earlier visit. */
  readonly remembered: string | null
}

export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  readonly operations: readonly Operation[]
  /** When the network is restored. */
  readonly endMs: number
}

export function describeOperation(operation: Operation): string {
  const { at, type, ...rest } = operation
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [type, ...details].join(' ')
}
