import type { Ask } from '../api/protocol.ts'
import type { Call } from '../api/transport.ts'
import { wrongHeader, wrongQuery, wrongSubprotocol } from '../util/http-fields.ts'
import { unknownOption } from '../util/suggest.ts'
import { isSendable } from '../util/type-tags.ts'
import { Failure } from './failure.ts'

/**
 * Calls the protocol's `ask()`; returns the URL, headers and subprotocols of the request.
 * @throws Failure if a browser could not send them
 */
export function addressOf({ url, protocol, cursor, host, headers, subprotocols }: Call, transport: string) {
  // The page's `<base>` may have another origin than the page.
  const { baseUrl, pageOrigin = baseUrl && new URL(baseUrl).origin } = host
  const isSameOrigin = pageOrigin === url.origin
  const ask: Ask = protocol.ask({ transport, url, cursor: cursor(), isSameOrigin })
  checkSendable(ask, "the protocol's ask()")
  return {
    address: withQuery(url, ask.query),
    headers: { ...ask.headers, ...headers },
    subprotocols: subprotocols.length ? subprotocols : (ask.subprotocols ?? []),
  }
}

/** @throws Failure that names the giver and says what is wrong */
export function checkSendable(given: Sendable, giver: string): void {
  const wrong = wrongOf(given)
  if (wrong) throw new Failure({ kind: 'unprepared', detail: `${giver} returned ${wrong}`, isMistake: true })
}

function wrongOf(given: Sendable): string | undefined {
  // `undefined` and other falsy values (as from `token && { … }`) add nothing.
  if (given && typeof given !== 'object') return `a ${typeof given}, not an object such as { query: { … } }`
  const { headers = {}, subprotocols = [], query = {}, greeting = '' } = given
  const header = wrongHeader(headers)
  if (header) return `headers ${header}`
  const subprotocol = wrongSubprotocol(subprotocols)
  if (subprotocol) return `subprotocols ${subprotocol}`
  const parameter = wrongQuery(query)
  if (parameter) return `a query ${parameter}`
  const unknown = Object.keys(given).find((name) => !members.includes(name))
  if (unknown) return `an ${unknownOption(unknown, members)}`
  return isSendable(greeting) ? undefined : 'a greeting that is not a string, ArrayBuffer, view or Blob'
}

const members = ['url', 'query', 'headers', 'subprotocols', 'auth', 'greeting']

interface Sendable {
  readonly headers?: unknown
  readonly subprotocols?: unknown
  readonly query?: unknown
  readonly greeting?: unknown
}

/** Adds parameters to a URL, which replace those of the same name. Others are kept verbatim, as they may be signed. */
export function withQuery(url: URL, query: Ask['query'] = {}): URL {
  const whole = new URL(url)
  const names = Object.keys(query)
  if (!names.length) return whole
  // Both the setter and URLSearchParams drop the first question mark, which may be the first character of a name.
  const isKept = (part: string) => !names.some((name) => new URLSearchParams(`?${part}`).has(name))
  const kept = url.search.length > 1 ? url.search.slice(1).split('&').filter(isKept) : []
  // All servers decode %20 as a space, but not all decode a plus sign so.
  const added = Object.entries(query).flatMap(([name, values]) => [values].flat().map((value) => [name, value as string]))
  whole.search = `?${[...kept, String(new URLSearchParams(added)).replace(/\+/g, '%20')].join('&')}`
  return whole
}

/** Removes user and password: browsers do not fetch such URLs (relative ones inherit it from the page), and know it anyway. */
export function withoutUser(url: URL): URL {
  const bare = new URL(url)
  bare.username = bare.password = ''
  return bare
}
