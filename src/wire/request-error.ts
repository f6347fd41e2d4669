/** The code of a refused request: a string or a number of the application's, or one of the protocol's own codes. */
export type RequestErrorCode = string | number

/** Marks errors of all copies of the class: each entry of the package has its own, as an ES module and as CommonJS. */
const mark = Symbol.for('steadfast.RequestError')

/**
 * The error of a request without a reply. A handler throws it to refuse a request, message, subscription or publication: the
 * other side receives its code and message. Of any other error it receives only the code `'internal'`.
 *
 * Codes of the protocol: `'internal'` (the handler failed), `'unhandled'` (there is no handler), `'forbidden'` (a topic was refused),
 * `'timeout'`, `'undelivered'` (the request was never sent: too large, or expired), `'unprepared'` (the `params` of a topic have failed,
 * and are called again), `'lost'` (the server lost the answer: the request may have been handled), `'closed'` (the client was closed,
 * or the session ended, before the answer).
 *
 * @example
 * throw new RequestError('not-found', 'There is no such room.')
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode

  /**
   * @param code a string of 1 to 64 characters, or a finite number
   * @param message for the sender of the request; only its first 1,000 characters are sent
   * @throws TypeError for any other code
   */
  constructor(code: RequestErrorCode, message = '') {
    if (!isRequestErrorCode(code)) throw invalidCode(code)
    super(message)
    this.code = code
  }

  /**
   * Makes `instanceof` true for errors of another copy of the class, such as that of `steadfast/session` in `steadfast/server`. A
   * method, since a static field that is compiled to an assignment would fail: the property is read-only in `Function.prototype`.
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

/** @param cause the error that has the code */
export function invalidCode(code: unknown, cause?: RequestError): TypeError {
  const message = `RequestError: the code must be a string of 1 to 64 characters, or a finite number; it was ${typeof code}.`
  return new TypeError(message, cause && { cause })
}

export function isRequestErrorCode(code: unknown): code is RequestErrorCode {
  return typeof code === 'string' ? code.length > 0 && code.length <= 64 : Number.isFinite(code)
}
