import type { Ending } from '../store/ports.ts'
import type { AuthenticatedSession } from './reauthentication.ts'
import type { SessionInbox } from './receive.ts'
import type { ReadSession } from './topic-reader.ts'

/** An attachment's view of its session on this node. */
export interface AttachedSession<Attachment> extends ReadSession {
  readonly inbox: SessionInbox
  readonly processor: ReadSession['processor'] & AuthenticatedSession
  /** The attachment has written what its carrier takes. */
  delivered(): void
  /** The node's next tick must not skip this session. */
  tickSoon(): void
  /** The attachment has ended; `null`: as a complete answer, after which the client is expected to poll again. */
  detached(attachment: Attachment, ending: Ending | null): void
}
