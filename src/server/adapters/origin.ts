import type { IncomingMessage } from 'node:http'
import { isThenable } from '../util/thenable.ts'
import { forwardedElements, limitKey, peerOf, type TrustedProxy } from './client-address.ts'
import { isListed, normalised, type OriginRule } from './origin-patterns.ts'
import { TokenBucket } from './token-bucket.ts'

/** What the `Origin` of a request means (rule 13). */
export type OriginVerdict =
  | { readonly type: 'allowed'; readonly origin: string }
  /** Nobody who is bound by the rules of browsers. */
  | { readonly type: 'no-browser' }
  | RefusedOrigin

/** Why a request was refused, and what was compared: the origin it named, and the server's own as the request tells it. */
export interface RefusedOrigin {
  readonly type: 'refused'
  /** `null` where a browser named none. */
  readonly origin: string | null
  readonly own: string
}

/** What origins are judged by. */
export interface OriginSettings {
  readonly origins: readonly OriginRule[]
  /** The server's own, beside those that the request itself tells. */
  readonly publicOrigins: readonly string[]
  readonly isTrustedProxy: TrustedProxy
}

/**
 * Judges an origin. It is let in if it is the server's own or on the list; `null` never, and nothing only where no browser asks.
 * The answer is a promise only where a function of the list returned one.
 */
export function checkOrigin(request: IncomingMessage, settings: OriginSettings): OriginVerdict | Promise<OriginVerdict> {
  const { headers } = request
  const { origin } = headers
  if (origin === undefined) {
    // Node's own `fetch` sends `Sec-Fetch-Mode`, and knows no site.
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
 * Whether a page comes from where it asks. The browser's own word counts where it gives it (`Sec-Fetch-Site`, which no page can
 * set): it compared before any proxy changed a header. Where it gives none, what the request says of the server is compared.
 */
function isOwn(origin: string, request: IncomingMessage, settings: OriginSettings): boolean {
  return (
    request.headers['sec-fetch-site'] === 'same-origin' ||
    settings.publicOrigins.includes(origin) ||
    ownOrigins(request, settings).includes(origin)
  )
}

/** The server's own origin as a refusal shows it. */
function ownOf(request: IncomingMessage, settings: OriginSettings): string {
  return settings.publicOrigins[0] ?? ownOrigins(request, settings)[0] ?? 'a request without Host'
}

/** The origins at which this request may have been sent to the server. */
function ownOrigins(request: IncomingMessage, { isTrustedProxy }: OriginSettings): readonly string[] {
  const { headers, socket } = request
  // A request of HTTP/2 has `:authority`, which HTTP/1.1 has no way to spell.
  const authority = headers[':authority'] ?? headers.host
  const isEncrypted = 'encrypted' in socket && socket.encrypted === true
  const hosts = [authority].flatMap((host) => (typeof host === 'string' ? [host] : []))
  // In front of a server that speaks plain HTTP there may be a proxy that speaks TLS.
  const schemes = isEncrypted ? ['https'] : ['http', 'https']
  const said = isTrustedProxy(peerOf(request), 0) ? forwardedOf(request) : null
  const saidHosts = [...(said?.hosts ?? []), ...hosts]
  const ports = said?.port ? saidHosts.map((host) => `${host.replace(/:\d+$/, '')}:${said.port}`) : []
  return [...saidHosts, ...ports].flatMap((host) =>
    (said?.schemes.length ? said.schemes : schemes).flatMap((scheme) => originOf(scheme, host) ?? []),
  )
}

/** Where a trusted proxy says that it was asked. Of several values the first is the one that the client saw. */
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

/** New attachments per second of each address. */
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
    // Amortised: looking through all of them for each new one would be quadratic.
    this.#pruneAtSize = Math.max(1000, 2 * this.#buckets.size)
  }
}
