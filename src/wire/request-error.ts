/** What a request was refused with: a name or a number of the application's, or one of the protocol's own names. */
export type RequestErrorCode = string | number

/** By it the copies of the class know each other's errors: every entry of the package has one, as a module and as CommonJS. */
const mark = Symbol.for('steadfast.RequestError')

/**
 * Why a request has no reply. A handler throws it to refuse a request, a message, a subscription or a publication: its code and message
 * reach the other side. Any other error of a handler reaches it as the code `'internal'`, without its text.
 *
 * Codes of the protocol: `'internal'` (the handler failed), `'unhandled'` (there is no handler), `'forbidden'` (a topic was refused),
 * `'timeout'`, `'undelivered'` (the request never left: too large, or too late), `'lost'` (the server lost the answer: nobody knows
 * whether the request was handled), `'closed'` (the client was closed, or the session has ended, before the answer came).
 *
 * @example
 * throw new RequestError('not-found', 'There is no such room.')
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode

  /**
   * @param code a text of at most 64 characters, or a finite number
   * @param message for whoever sent the request; at most 1,000 characters of it are sent
   * @throws TypeError for another code
   */
  constructor(code: RequestErrorCode, message = '') {
    if (!isRequestErrorCode(code))
      throw new TypeError(
        `RequestError: the code must be a text of 1 to 64 characters, or a finite number; it was ${typeof code}.`,
      )
    super(message)
    this.code = code
  }

  /**
   * `instanceof` holds for the errors of another copy as well, such as that of `steadfast/session` for `steadfast/server`. A method, since a
   * static field, where it is compiled to an assignment, would assign to what is read-only in `Function.prototype`.
   *
   * @param this the class on the right of `instanceof`, which may extend `RequestError`
   */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: it may be a class that extends this one.
    if (this !== RequestError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && mark in value
  }

  get [mark](): true {
    return true
  }
}

export function isRequestErrorCode(code: unknown): code is RequestErrorCode {
  return typeof code === 'string' ? code.length > 0 && code.length <= 64 : Number.isFinite(code)
}
