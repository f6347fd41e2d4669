import type { SenderPort } from '../api/message-sender.ts'
import type { Delivery } from '../api/transport.ts'
import type { SessionState } from './session-state.ts'

/** What sends in a session, and what it tells. */
export interface SessionSenderPort<Out> extends SenderPort<Out> {
  readonly session: SessionState
  /** Whether a server that has lost the session is sent again what it never settled. */
  readonly resends: boolean
  /** Sends the last frames by a request of its own, where no link can; `null` where the server does not know the session. */
  postLast(lines: string, signal: AbortSignal): Promise<Delivery> | null | undefined
}
