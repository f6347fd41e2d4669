import type { CallFault, CallValue } from '../wire/calls.ts'

/** How a call is answered: with a reply, or with why there is none. */
export type CallAnswer =
  | ({ readonly type: 'reply'; readonly value?: unknown } & CallValue)
  | ({ readonly type: 'error' } & CallFault)

/** Why a call will have no answer. */
export type CallLoss = 'undelivered' | 'lost' | 'closed'

/** What waits for the answer to a call. Only the first of all that it is given counts. */
export interface PendingCall {
  answered(answer: CallAnswer): void
  lost(why: CallLoss): void
}

/** For a call to which there is no answer, or whose answer is waited for elsewhere. */
export const nobodyWaits: PendingCall = { answered() {}, lost() {} }
