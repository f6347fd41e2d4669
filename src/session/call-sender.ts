import type { Entry } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import type { CallAnswers } from './call-answers.ts'

/** Sends the calls of a client, in order with its messages. */
export interface CallSender<Out> {
  readonly answers: CallAnswers<Out>
  /** Called when the server has ended a subscription. */
  onUnsubscribed: ((topic: string) => void) | null
  /** Whether this page uses a topic. */
  isUsed?: (topic: string) => boolean
  /** If pages share the session: whether another page uses the topic, so that the subscription must not end. */
  isUsedElsewhere?(topic: string): Promise<boolean>
  /** Sends a call, given as JSON, that counts as this many bytes. @throws RangeError if the outbox is full */
  call(json: string, call: PendingCall, bytes: number): Entry<Out>
  /** Gives up a call: returns its number if the server may have received it; otherwise it is not written. */
  withdrawCall(entry: Entry<Out>): number | undefined
}
