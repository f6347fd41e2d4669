import { bytesOf } from '../util/bytes-of.ts'
import { isToken } from '../util/http-fields.ts'
import { wellFormed } from '../util/well-formed.ts'

/**
 * The URL of a socket, parsed as the WebSockets standard does.
 * @throws DOMException (SyntaxError) for an invalid URL, for a scheme other than ws, wss, http and https, and for a fragment
 */
export function urlOf(given: unknown, base: string | undefined): URL {
  const text = `${given}`
  const url = parsed(text, base)
  if (!url) throw syntaxError(`the URL '${text}' is invalid`)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  if (!/^wss?:$/.test(url.protocol))
    throw syntaxError(`the URL's scheme must be 'ws', 'wss', 'http' or 'https'; it was '${url.protocol.slice(0, -1)}'`)
  if (url.href.includes('#')) throw syntaxError(`the URL must have no fragment; it was '${text}'`)
  return url
}

/**
 * The offered subprotocols: one, or any iterable of them. `shape` is the name of the class, for the message.
 * @throws DOMException (SyntaxError) for one that is not a token (RFC 9110 §5.6.2), and for one that is given twice
 */
export function protocolsOf(given: unknown, shape = 'WebSocket'): readonly string[] {
  if (given === undefined) return []
  const protocols = isIterable(given) ? Array.from(given, (each) => `${each}`) : [`${given}`]
  for (const [index, protocol] of protocols.entries()) {
    if (!isToken(protocol)) throw syntaxError(`the subprotocol '${protocol}' is invalid`, shape)
    if (protocols.indexOf(protocol) < index) throw syntaxError(`the subprotocol '${protocol}' is given twice`, shape)
  }
  return protocols
}

/** The checked arguments of `close()`; `code` is `undefined` if the application gave none. */
export interface CloseArguments {
  readonly code: number | undefined
  readonly reason: string
}

/**
 * The arguments of `close()`.
 * @throws DOMException (InvalidAccessError) for a code other than 1000 and 3000 to 4999
 * @throws DOMException (SyntaxError) for a reason of more than 123 bytes
 */
export function closeArgumentsOf(givenCode: unknown, givenReason: unknown): CloseArguments {
  const code = givenCode === undefined ? undefined : clamped(givenCode)
  const reason = givenReason === undefined ? '' : wellFormed(`${givenReason}`)
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
    throw new DOMException(`close(): the code must be 1000, or from 3000 to 4999; it was ${code}.`, 'InvalidAccessError')
  const bytes = bytesOf(reason)
  if (bytes > 123) throw syntaxError(`close(): the reason must have at most 123 bytes; it has ${bytes}`)
  return { code, reason }
}

/** `[Clamp] unsigned short` of Web IDL: a half is rounded to the even neighbour. */
function clamped(given: unknown): number {
  const number = Math.min(Math.max(+(given as number), 0), 65_535)
  if (Number.isNaN(number)) return 0
  const floor = Math.floor(number)
  const rest = number - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

function parsed(text: string, base: string | undefined): URL | null {
  try {
    return new URL(text, base)
  } catch {
    return null
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && Symbol.iterator in value
}

function syntaxError(what: string, shape = 'WebSocket'): DOMException {
  return new DOMException(`${shape}: ${what}.`, 'SyntaxError')
}
