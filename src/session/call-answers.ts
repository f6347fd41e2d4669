import type { RefusedMessage } from '../api/calls.ts'
import type { Entry } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import type { ServerCall } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import { readServerCall } from './server-call.ts'

/** How many messages that the server has refused are kept for `flushed()`. */
const mostRefused = 100

/** What the server answers to the calls and messages of a session, and what it asks. */
export class CallAnswers<Out> {
  /** The server asks something. */
  onCall: ((call: Extract<ServerCall, { readonly id: string }>) => void) | null = null
  readonly #refused: RefusedMessage<Out>[] = []

  /**
   * @param of the message of a number, as long as it is not settled
   * @param isAsked whether what the server asks is for this client to answer
   * @throws when what came is not as the protocol says
   */
  received(json: unknown, of: (n: number) => Entry<Out> | undefined, isAsked = true): void {
    const call = readServerCall(json)
    if ('id' in call) {
      if (isAsked) this.onCall?.(call)
      return
    }
    const entry = of(call.to)
    if (entry?.call) entry.call.answered(call)
    else if (entry && call.type === 'error') {
      this.#refused.push({ data: entry.value, error: new RequestError(call.code, call.message) })
      if (this.#refused.length > mostRefused) this.#refused.shift()
    }
  }

  /** The messages that the server has refused since it was asked last. */
  takeRefused(): readonly RefusedMessage<Out>[] {
    return this.#refused.splice(0)
  }
}

/** The first of all that it is given counts. */
export function once(call: PendingCall): PendingCall {
  let isSettled = false
  const first = (settle: () => void) => {
    if (isSettled) return
    isSettled = true
    settle()
  }
  return { answered: (answer) => first(() => call.answered(answer)), lost: (why) => first(() => call.lost(why)) }
}
