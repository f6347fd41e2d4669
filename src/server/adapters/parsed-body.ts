import type { IncomingMessage } from 'node:http'
import { isBuffer, tagOf } from '../../util/type-tags.ts'
import { kindOf } from '../util/payload.ts'

/** The body was read in front of us, and what was made of it is no text. */
export class UnreadableBody extends Error {
  /** What the answer says, and no more: it goes to anybody. */
  readonly advice = 'the body was read before: handleRequest() needs its text as third argument'
}

/**
 * The text of a body that something in front has read, `null` for one that is still to be read: whatever a body parser
 * left beside it (`{}`, as the one of Express 4 does) is then nothing of ours.
 * @throws UnreadableBody where the text cannot be had any more
 */
export function givenText(request: IncomingMessage, given: unknown): string | null {
  if (typeof given === 'string') return given
  if (tagOf(given) === 'Uint8Array' || isBuffer(given)) return new TextDecoder().decode(given as ArrayBuffer)
  const isRead = request.readableEnded || request.readableDidRead
  if (!isRead) return null
  // A hello alone may have come as JSON. What was made of it is the same hello.
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
