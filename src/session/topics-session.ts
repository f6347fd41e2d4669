import type { RequestOptions } from '../api/calls.ts'
import type { CallAnswer, PendingCall } from '../sending/pending-call.ts'
import type { ClientCall } from '../wire/calls.ts'
import type { StreamCursors } from './stream-cursors.ts'

/** The session whose topics they are. */
export interface TopicsSession {
  /** How far the client has taken each stream. */
  readonly streams: StreamCursors
  call(call: ClientCall, options?: RequestOptions): Promise<Extract<CallAnswer, { type: 'reply' }>>
  /** Sends a call whose answer is taken in the task in which it comes, or to which there is none. */
  tell(call: ClientCall, pending?: PendingCall): void
  /** This page uses the topic no more. */
  leave(topic: string): void
}
