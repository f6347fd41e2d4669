import type { NodeContext } from '../node/node-context.ts'
import type { Ending } from '../store/ports.ts'
import type { AuthenticatedSession } from './reauthentication.ts'
import type { SessionInbox } from './receive.ts'

/** An attachment's view of its session on this node. */
export interface AttachedSession<Attachment> {
  readonly id: string
  readonly node: NodeContext
  readonly inbox: SessionInbox
  readonly processor: AttachedRecord
  /** Whether messages of the client have been taken, and their handlers are not done. */
  readonly isHandling: boolean
  /** The store has failed: the next tick reads the record again. */
  retryLater(): void
  /** The attachment has written what its carrier takes. */
  delivered(): void
  /** The node's next tick must not skip this session. */
  tickSoon(): void
  /** An answer is complete; the client is expected to poll again. */
  answered(attachment: Attachment): void
  detached(attachment: Attachment, ending: Ending): void
}

/** An attachment's view of the session's record. */
export interface AttachedRecord extends AuthenticatedSession {
  /** Reads the record again. */
  refresh(): void
}
