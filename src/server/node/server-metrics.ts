import type { SessionActor } from '../session/session-actor.ts'
import type { StoreCallMetrics } from '../store/call-metrics.ts'
import type { NodeContext } from './node-context.ts'

/** What a server has done since it was made, and what it has now. All of it concerns this server alone, not the other nodes. */
export interface ServerMetrics {
  /** Sessions that have something on this node now. */
  readonly sessions: number
  /** Attachments that are open on this node now, by how they are carried. */
  readonly attachments: { readonly websocket: number; readonly sse: number; readonly poll: number }
  /** Topics that this node reads now. */
  readonly topics: number
  /** Messages of clients whose handlers have been called here. */
  readonly messagesHandled: number
  /** Messages sent here to one session alone. */
  readonly messagesSent: number
  /** Messages published here. */
  readonly messagesPublished: number
  /** Gaps told to clients here. */
  readonly gaps: number
  /** Attachments and requests that were refused here, by close code. */
  readonly refusals: Readonly<Record<number, number>>
  /** Bytes that wait for this node's handlers. */
  readonly unhandledBytes: number
  /** Calls of the store, by method; none for a `memoryStore`, whose answers are at hand. */
  readonly storeCalls: Readonly<Record<string, StoreCallMetrics>>
}

/** Whether a server takes clients. */
export interface ServerHealth {
  /** `store-unavailable`: its store failed or did not answer; clients are refused with 4503 and asked to come back. */
  readonly status: 'ok' | 'store-unavailable' | 'closing' | 'closed'
  /** What the store failed with. */
  readonly error: Error | null
}

export function metricsOf(
  { counters, feeds, backlog, storeCalls }: NodeContext,
  actors: Iterable<SessionActor> & { readonly size: number },
): ServerMetrics {
  const { messagesHandled, messagesSent, messagesPublished, gaps, refusals } = counters
  const attachments = { websocket: 0, sse: 0, poll: 0 }
  for (const actor of actors) actor.attachments.count(attachments)
  return {
    ...{ sessions: actors.size, attachments, topics: feeds.size, unhandledBytes: backlog.bytes },
    ...{ messagesHandled, messagesSent, messagesPublished, gaps, refusals, storeCalls: storeCalls.snapshot() },
  }
}
