import type { RequestOptions } from '../api/calls.ts'
import type { CallAnswer, PendingCall } from '../sending/pending-call.ts'
import type { ClientCall } from '../wire/calls.ts'
import type { StreamCursors } from './stream-cursors.ts'

/** The session to which the topics belong. */
export interface TopicsSession {
  /** How far the client has read each stream. */
  readonly streams: StreamCursors
  call(call: ClientCall, options?: RequestOptions): Promise<Extract<CallAnswer, { type: 'reply' }>>
  /** Sends a call whose answer, if any, is handled in the task in which it arrives. */
  send(call: ClientCall, pending?: PendingCall): void
  /** This page no longer uses the topic. */
  leave(topic: string): void
}
