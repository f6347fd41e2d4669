import type { RefusedMessage } from '../api/calls.ts'
import type { Entry } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import type { ServerCall } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import { readServerCall } from './server-call.ts'

/** How many refused messages are kept for `flushed()`. */
const maxRefused = 100

/** Distributes the server's answers to calls and messages of a session, and the server's own calls. */
export class CallAnswers<Out> {
  /** Called for a call of the server. */
  onCall: ((call: Extract<ServerCall, { readonly id: string }>) => void) | null = null
  readonly #refused: RefusedMessage<Out>[] = []

  /**
   * @param of returns the message of a number that is answered, if it is unacknowledged
   * @param onCall called for a call of the server
   * @throws for an answer that violates the protocol
   */
  received(json: unknown, of: (n: number) => Entry<Out> | undefined, onCall = this.onCall): void {
    const call = readServerCall(json)
    if ('id' in call) {
      onCall?.(call)
      return
    }
    const entry = of(call.to)
    if (entry?.call) entry.call.answered(call)
    else if (entry && call.type === 'error') {
      this.#refused.push({ data: entry.value, error: new RequestError(call.code, call.message) })
      if (this.#refused.length > maxRefused) this.#refused.shift()
    }
  }

  /** Returns the messages that the server has refused since the last call. */
  takeRefused(): readonly RefusedMessage<Out>[] {
    return this.#refused.splice(0)
  }
}

/** Passes on only the first outcome of a call. */
export function once(call: PendingCall): PendingCall {
  let isSettled = false
  const first = (settle: () => void) => {
    if (isSettled) return
    isSettled = true
    settle()
  }
  return { answered: (answer) => first(() => call.answered(answer)), lost: (why) => first(() => call.lost(why)) }
}
