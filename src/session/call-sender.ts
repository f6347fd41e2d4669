import type { Entry } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import type { CallAnswers } from './call-answers.ts'

/** What sends the calls of a client, in order with its messages. */
export interface CallSender<Out> {
  readonly answers: CallAnswers<Out>
  /** The server has ended a subscription. */
  onUnsubscribed: ((topic: string) => void) | null
  /** Whether this page uses a topic. */
  isUsed?: (topic: string) => boolean
  /** Where pages share the session: whether another one uses the topic, so that its subscription must not end. */
  isUsedElsewhere?(topic: string): Promise<boolean>
  /** Sends a call, given as JSON, which counts as so many bytes. @throws RangeError when the outbox may not take it */
  call(json: string, call: PendingCall, bytes: number): Entry<Out>
  /** Nobody waits for a call any more: returns its number if the server may have it; otherwise it will not be written. */
  withdrawCall(entry: Entry<Out>): number | undefined
}
