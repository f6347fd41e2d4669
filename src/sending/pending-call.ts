import type { CallFault, CallValue } from '../wire/calls.ts'

/** The answer to a call: a reply, or the reason why there is none. */
export type CallAnswer =
  | ({ readonly type: 'reply'; readonly value?: unknown } & CallValue)
  | ({ readonly type: 'error' } & CallFault)

/** Why a call will have no answer. */
export type CallLoss = 'undelivered' | 'lost' | 'closed'

/** The callbacks of a call that waits for its answer. Only the first one called counts. */
export interface PendingCall {
  answered(answer: CallAnswer): void
  lost(why: CallLoss): void
}

/** For a call without an answer, or whose answer is handled elsewhere. */
export const nobodyWaits: PendingCall = { answered() {}, lost() {} }
