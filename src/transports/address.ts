import { wrongHeader, wrongSubprotocol } from '../protocols/http-fields.ts'
import type { Ask } from '../protocols/protocol.ts'
import { Failure } from './failure.ts'
import type { Call } from './transport.ts'

/**
 * What the protocol asks for right now, as a URL with its headers and subprotocols.
 * @throws Failure where no browser could send them
 */
export function addressOf({ url, protocol, cursor, host, headers, subprotocols }: Call, transport: string) {
  // A page's `<base>` may be of another origin than the page.
  const { baseUrl, pageOrigin = baseUrl && new URL(baseUrl).origin } = host
  const isSameOrigin = pageOrigin === url.origin
  const ask: Ask = protocol.ask({ transport, cursor: cursor(), isSameOrigin })
  checkSendable(ask, "the protocol's ask()")
  return {
    address: withQuery(url, ask.query),
    headers: { ...ask.headers, ...headers },
    subprotocols: subprotocols.length ? subprotocols : (ask.subprotocols ?? []),
  }
}

/** @throws Failure which says whose they are and what is wrong with them */
export function checkSendable({ headers = {}, subprotocols = [] }: Sendable, giver: string): void {
  const header = wrongHeader(headers)
  const subprotocol = wrongSubprotocol(subprotocols)
  if (!header && !subprotocol) return
  const detail = `${giver} returned ${header ? `headers ${header}` : `subprotocols ${subprotocol}`}`
  throw new Failure({ kind: 'unprepared', detail, isMistake: true })
}

interface Sendable {
  readonly headers?: unknown
  readonly subprotocols?: unknown
}

/** A URL with more in its query, in the place of what had the same name. The rest is left as it is written: it may be signed. */
export function withQuery(url: URL, query: Readonly<Record<string, string>> = {}): URL {
  const whole = new URL(url)
  const names = Object.keys(query)
  if (!names.length) return whole
  const isKept = (part: string) => !Array.from(new URLSearchParams(part).keys()).some((name) => names.includes(name))
  const kept = url.search.length > 1 ? url.search.slice(1).split('&').filter(isKept) : []
  // A space as %20 is one to every server, a plus sign is not.
  const added = Object.entries(query).map((pair) => String(new URLSearchParams([pair])).replace(/\+/g, '%20'))
  whole.search = [...kept, ...added].join('&')
  return whole
}

/** No browser makes a request to a URL with a user in it, as all are that are relative to such a page: it knows the user anyway. */
export function withoutUser(url: URL): URL {
  const bare = new URL(url)
  bare.username = bare.password = ''
  return bare
}
