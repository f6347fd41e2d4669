import type { RequestErrorCode } from '../wire/request-error.ts'
import { RequestError } from '../wire/request-error.ts'
import type { FakeSession } from './session.ts'

/** A request of a client (`client.request()`), for the test to answer. */
export class FakeRequest<In, Out> {
  readonly data: Out
  readonly session: FakeSession<In, Out>
  /** Aborted when the client no longer waits for the reply, or its session has ended. */
  readonly signal: AbortSignal
  readonly #settle: (answer: { readonly reply: In | undefined } | { readonly error: unknown }) => void
  #isAnswered = false

  constructor(
    data: Out,
    session: FakeSession<In, Out>,
    signal: AbortSignal,
    settle: (answer: { readonly reply: In | undefined } | { readonly error: unknown }) => void,
  ) {
    this.data = data
    this.session = session
    this.signal = signal
    this.#settle = settle
  }

  /** Whether `reply()` or `refuse()` was called. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /**
   * Answers the request; without data the reply is `undefined`.
   * @throws Error if it was answered before
   */
  reply(data?: In): void {
    this.#answer('reply()', { reply: data })
  }

  /**
   * Refuses the request: the client's promise rejects with a `RequestError`.
   * @throws Error if it was answered before
   * @throws TypeError for an unknown code
   */
  refuse(code: RequestErrorCode, message = ''): void {
    this.#answer('refuse()', { error: new RequestError(code, message) })
  }

  #answer(what: string, answer: { readonly reply: In | undefined } | { readonly error: unknown }): void {
    if (this.#isAnswered) throw new Error(`FakeServer: ${what} on a request that was answered before.`)
    this.#isAnswered = true
    this.#settle(answer)
  }
}
