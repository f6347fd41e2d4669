import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import type { Session } from './session-handle.ts'
import type { SubscribingSession } from './subscribe.ts'

/** The session whose messages are handled. */
export interface HandledSession {
  readonly id: string
  readonly record: SessionRecord
  readonly node: NodeContext
  readonly handle: Session
  /** The session as its subscriptions are changed. */
  readonly subscribing: SubscribingSession
  /** Handlers have finished: the record is to be written. */
  progressed(): void
  /** Reads the record again, and acts on it if it has changed. */
  refresh(): void
  /** It was pinned to this node, and has ended without it; `null` if the store has lost it. */
  endedElsewhere(ended: Ending | null): void
}
