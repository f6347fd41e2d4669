import type { SenderPort } from '../api/message-sender.ts'
import type { Delivery } from '../api/transport.ts'
import type { SessionState } from './session-state.ts'

/** The session for which a sender works, and the events of the sender. */
export interface SessionSenderPort<Out> extends SenderPort<Out> {
  readonly session: SessionState
  /** Whether unacknowledged messages are sent again to a server that has lost the session. */
  readonly resends: boolean
  /** Sends the last frames in a separate request, if no link can; `null` if no connection was ever open. */
  postLast(lines: string, signal: AbortSignal): Promise<Delivery> | null | undefined
}
