import type { IncomingMessage } from 'node:http'
import { isThenable } from '../util/thenable.ts'
import { forwardedElements, limitKey, peerOf, type TrustedProxy } from './client-address.ts'
import { isListed, normalised, type OriginRule } from './origin-patterns.ts'
import { TokenBucket } from './token-bucket.ts'

/** The result of checking the `Origin` of a request (rule 13). */
export type OriginVerdict =
  | { readonly type: 'allowed'; readonly origin: string }
  /** A client that is not a browser, to which the rules of browsers do not apply. */
  | { readonly type: 'no-browser' }
  | RefusedOrigin

/** A refused request, with the compared values: its origin, and the server's own according to the request. */
export interface RefusedOrigin {
  readonly type: 'refused'
  /** `null` if the browser sent none. */
  readonly origin: string | null
  readonly own: string
}

/** The settings of the origin check. */
export interface OriginSettings {
  readonly origins: readonly OriginRule[]
  /** The server's own origins, in addition to those derived from the request. */
  readonly publicOrigins: readonly string[]
  readonly isTrustedProxy: TrustedProxy
}

/**
 * Checks an origin. The server's own and those on the list are allowed; `null` never is, and a request without an origin only if
 * it is not from a browser. The result is a promise only if a function of the list returned one.
 */
export function checkOrigin(request: IncomingMessage, settings: OriginSettings): OriginVerdict | Promise<OriginVerdict> {
  const { headers } = request
  const { origin } = headers
  if (origin === undefined) {
    // Node's own `fetch` sends `Sec-Fetch-Mode`, but no `Sec-Fetch-Site`.
    const isBrowser = headers.cookie !== undefined || headers['sec-fetch-site'] !== undefined
    return isBrowser ? { type: 'refused', origin: null, own: ownOf(request, settings) } : { type: 'no-browser' }
  }
  const verdictOf = (isAllowed: boolean): OriginVerdict =>
    isAllowed ? { type: 'allowed', origin } : { type: 'refused', origin, own: ownOf(request, settings) }
  if (origin === 'null' || origin === '') return verdictOf(false)
  if (isOwn(origin, request, settings)) return verdictOf(true)
  const isAllowed = isListed(settings.origins, origin, request)
  return isThenable(isAllowed) ? isAllowed.then(verdictOf) : verdictOf(isAllowed)
}

/**
 * Whether a page is same-origin with the server. The browser's statement counts if there is one (`Sec-Fetch-Site`, which no page
 * can set): the browser compared before any proxy changed a header. Otherwise the origin is compared with the server's own,
 * derived from the request.
 */
function isOwn(origin: string, request: IncomingMessage, settings: OriginSettings): boolean {
  return (
    request.headers['sec-fetch-site'] === 'same-origin' ||
    settings.publicOrigins.includes(origin) ||
    ownOrigins(request, settings).includes(origin)
  )
}

/** The server's own origin, for the text of a refusal. */
function ownOf(request: IncomingMessage, settings: OriginSettings): string {
  return settings.publicOrigins[0] ?? ownOrigins(request, settings)[0] ?? 'a request without Host'
}

/** The server's origins to which this request may have been sent. */
function ownOrigins(request: IncomingMessage, { isTrustedProxy }: OriginSettings): readonly string[] {
  const { headers, socket } = request
  // A request over HTTP/2 has `:authority`, a name that HTTP/1.1 does not permit.
  const authority = headers[':authority'] ?? headers.host
  const isEncrypted = 'encrypted' in socket && socket.encrypted === true
  const hosts = [authority].flatMap((host) => (typeof host === 'string' ? [host] : []))
  // A plain HTTP server may be behind a proxy that terminates TLS.
  const schemes = isEncrypted ? ['https'] : ['http', 'https']
  const said = isTrustedProxy(peerOf(request), 0) ? forwardedOf(request) : null
  const saidHosts = [...(said?.hosts ?? []), ...hosts]
  const ports = said?.port ? saidHosts.map((host) => `${host.replace(/:\d+$/, '')}:${said.port}`) : []
  return [...saidHosts, ...ports].flatMap((host) =>
    (said?.schemes.length ? said.schemes : schemes).flatMap((scheme) => originOf(scheme, host) ?? []),
  )
}

/** The server's own origin according to a trusted proxy. Of several values the first is the one that the client used. */
function forwardedOf({ headers }: IncomingMessage) {
  const [element] = forwardedElements(headers.forwarded)
  const first = (name: string) =>
    String(headers[name] ?? '')
      .split(',', 1)[0]
      ?.trim() ?? ''
  const schemes = [first('x-forwarded-proto'), element?.get('proto') ?? ''].flatMap((name) => {
    const scheme = name.toLowerCase().replace(/^ws/, 'http')
    return scheme === 'http' || scheme === 'https' ? [scheme] : []
  })
  return {
    hosts: [first('x-forwarded-host'), element?.get('host') ?? ''].filter((host) => host !== ''),
    schemes: [...new Set(schemes)],
    port: /^\d{1,5}$/.test(first('x-forwarded-port')) ? first('x-forwarded-port') : null,
  }
}

function originOf(scheme: string, host: string): string | null {
  return /^[^\s/?#\\@]+$/.test(host) ? normalised(`${scheme}://${host}`) : null
}

/** Limits the new attachments per second from each address. */
export class AddressLimit {
  readonly #perSecond: number
  readonly #buckets = new Map<string, TokenBucket>()
  #pruneAtSize = 1000

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  take(address: string | undefined, now: number): boolean {
    if (address === undefined) return true
    const key = limitKey(address)
    let bucket = this.#buckets.get(key)
    if (!bucket) {
      if (this.#buckets.size >= this.#pruneAtSize) this.#prune(now)
      bucket = new TokenBucket(this.#perSecond, Math.max(1, 5 * this.#perSecond), now)
      this.#buckets.set(key, bucket)
    }
    return bucket.take(now)
  }

  #prune(now: number): void {
    for (const [address, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(address)
    // Amortised: checking all buckets for each new one would be quadratic.
    this.#pruneAtSize = Math.max(1000, 2 * this.#buckets.size)
  }
}
