import type { Entry } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import type { CallAnswers } from './call-answers.ts'

/** Sends the calls of a client, in order with its messages. */
export interface CallSender<Out> {
  readonly answers: CallAnswers<Out>
  /** Called when the server has ended a subscription; `isMissed`: while this page was away, so that it has missed messages. */
  onUnsubscribed: ((topic: string, isMissed?: boolean) => void) | null
  /** Returns the topics that this page uses. */
  topics?: () => readonly string[]
  /** If pages share the session: called when this page no longer uses a topic; the subscription ends unless others use it. */
  left?(): void
  /** Sends a call, given as JSON, that counts as this many bytes. @throws RangeError if the outbox is full */
  call(json: string, call: PendingCall, bytes: number): Entry<Out>
  /** Gives up a call: it is not written, or `abort` is called with its number, if the server may receive it. */
  withdrawCall(entry: Entry<Out>, abort: (n: number) => void): void
}
