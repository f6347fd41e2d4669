import type { CallValue } from '../../wire/calls.ts'
import type { DataSettings } from '../calls/call-data.ts'
import type { AskOptions } from '../calls/client-requests.ts'
import type { Limits } from '../limits.ts'
import type { SessionRecord, SessionStore, Stored, TopicLog } from '../store/ports.ts'

/** The node's half of session handles: it executes their calls. */
export interface SessionCommands extends DataSettings {
  readonly sessions: SessionStore
  readonly topics: TopicLog
  readonly limits: Limits
  report(error: unknown): void
  /** A message is in the session's private stream; the caller awaits the promise, if any, before it sends the next. */
  sent(id: string, epoch: string, message: Stored): Promise<void> | null
  /** Delivers what was published to a topic so far, without waiting for more. */
  flush(topic: string): void
  /** The record as this node knows it; `null` if it does not know the session. */
  known(id: string, epoch: string): SessionRecord | null
  /** Changes the record; resolves with the changed record, or with `null` if the session has ended. */
  amend(id: string, epoch: string, change: (record: SessionRecord) => SessionRecord): Promise<SessionRecord | null>
  end(id: string, epoch: string, code: number, reason: string): Promise<boolean>
  unreadBytes(id: string, epoch: string): number
  drained(id: string, epoch: string, maxBytes: number): Promise<boolean>
  request(id: string, epoch: string, value: CallValue, options: AskOptions): Promise<CallValue>
}
