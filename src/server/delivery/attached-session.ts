import type { NodeContext } from '../node/node-context.ts'
import type { Ending } from '../store/ports.ts'
import type { AuthenticatedSession } from './reauthentication.ts'
import type { SessionInbox } from './receive.ts'

/** The session on this node, as an attachment of it sees it. */
export interface AttachedSession<Attachment> {
  readonly id: string
  readonly node: NodeContext
  readonly inbox: SessionInbox
  readonly processor: AttachedRecord
  /** The store has failed: the next tick reads the record again. */
  retryLater(): void
  /** The attachment has written what it could. */
  delivered(): void
  /** The node's next tick must not skip this session. */
  tickSoon(): void
  /** An answer is complete; its client polls again. */
  answered(attachment: Attachment): void
  detached(attachment: Attachment, ending: Ending): void
}

/** The session's record, as an attachment sees it. */
export interface AttachedRecord extends AuthenticatedSession {
  /** Reads the record again. */
  refresh(): void
}
