import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import type { SessionHandle } from './session-handle.ts'

/** The session whose messages are being handled. */
export interface HandledSession {
  readonly id: string
  readonly record: SessionRecord
  readonly node: NodeContext
  readonly handle: SessionHandle
  /** Handlers have finished: writes the record. */
  progressed(): void
  /** Reads the record again, and acts on a change. */
  refresh(): void
  /** The session was pinned to this node, and has ended elsewhere; `null` if the store has lost it. */
  endedElsewhere(ended: Ending | null): void
}
