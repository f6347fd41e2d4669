import type { Report } from '../api/evidence.ts'
import type { Call } from '../api/transport.ts'
import { Failure } from '../transports/failure.ts'
import { withQuery } from '../transports/request-url.ts'
import { messageOf } from '../util/type-tags.ts'
import { type CloseFrame, codes, type Hello, maxHelloBytes } from '../wire/steadfast-v1.ts'
import { utf8 } from './frames.ts'
import type { SessionState } from './session-state.ts'

/** Runs a function that reads a frame: an exception means that the frame violates the protocol. */
export function readFrame<Read>(read: () => Read): Read {
  try {
    return read()
  } catch (error) {
    throw error instanceof Failure ? error : mismatch('a frame could not be read')
  }
}

export function mismatch(detail: string, isHandshake = false): Failure {
  return new Failure({ kind: 'mismatch', detail, ...(isHandshake && { isHandshake }) })
}

export function closed({ code, reason = '', retryAfterMs = 0, application }: CloseFrame): Extract<Report, { kind: 'closed' }> {
  return {
    kind: 'closed',
    code,
    reason,
    wasClean: true,
    ...(retryAfterMs > 0 && { retryAfterMs }),
    ...(application && { application }),
  }
}

/** The server has closed the attachment by a frame. */
export function ended(close: CloseFrame): never {
  throw new Failure(closed(close))
}

/** A response that an intermediary held back is too old: the server counts this attachment as silent. */
export function outdated(): never {
  ended({ code: codes.silent })
}

/** Adds the id of this attempt, under which the server can be asked later what it saw of it. */
export function withAttempt({ url, attempt }: Call): URL {
  return withQuery(url, { attempt })
}

/**
 * The hello of an attachment or a POST, as text.
 * @throws Failure if the server would refuse it
 */
export function helloOf(session: SessionState, { id, auth }: Pick<Call, 'id' | 'auth'>, more: Partial<Hello> = {}): string {
  let hello: string
  try {
    hello = JSON.stringify(session.hello(id, { ...more, ...(auth !== undefined && { auth }) }))
  } catch (error) {
    throw mistaken(`auth that is no plain JSON (${messageOf(error)})`)
  }
  const { length } = utf8(hello)
  if (length > maxHelloBytes) throw mistaken(`auth that makes the hello ${length} bytes long; ${maxHelloBytes} are allowed`)
  return hello
}

function mistaken(what: string): Failure {
  return new Failure({ kind: 'unprepared', detail: `prepare() returned ${what}`, isMistake: true })
}
