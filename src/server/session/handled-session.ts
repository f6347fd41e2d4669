import type { NodeContext } from '../node/node-context.ts'
import type { SessionRecord } from '../store/ports.ts'
import type { Session } from './session-handle.ts'

/** The session whose messages are handled. */
export interface HandledSession {
  readonly id: string
  readonly record: SessionRecord
  readonly node: NodeContext
  readonly handle: Session
  /** Handlers have finished: the record is to be written. */
  progressed(): void
}
