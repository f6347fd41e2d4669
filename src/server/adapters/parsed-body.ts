import type { IncomingMessage } from 'node:http'
import { isBuffer, tagOf } from '../../util/type-tags.ts'
import { kindOf } from '../util/payload.ts'

/** The body was read before the request reached this server, and its parsed form is not text. */
export class UnreadableBody extends Error {
  /** The whole text of the answer, without internals: any client may receive it. */
  readonly advice = 'the body was read before: handleRequest() needs its text as third argument'
}

/**
 * The text of a body that was already read; `null` for an unread body: then the value from a body parser (`{}`, as from Express
 * 4's) is ignored.
 * @throws UnreadableBody if the text is no longer available
 */
export function givenText(request: IncomingMessage, given: unknown): string | null {
  if (typeof given === 'string') return given
  if (tagOf(given) === 'Uint8Array' || isBuffer(given)) return new TextDecoder().decode(given as ArrayBuffer)
  const isRead = request.readableEnded || request.readableDidRead
  if (!isRead) return null
  // A body that is only a hello may have been parsed as JSON. Serialized again, it is the same hello.
  if (isHello(given)) return JSON.stringify(given)
  throw new UnreadableBody(
    given === undefined
      ? 'RealtimeServer: the request had been read before: hand its body to handleRequest() as third argument, or let no body parser run at this path.'
      : `RealtimeServer: handleRequest() needs the body as it came, a string or bytes, as third argument; it was ${kindOf(given)}, which a body parser has made of it. Let none run at this path, or one that keeps the text, as express.text({ type: '*/*' }).`,
  )
}

function isHello(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'v' in value && 'session' in value
}
