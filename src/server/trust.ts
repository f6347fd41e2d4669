import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Bucket } from './bucket.ts'

/** What the `Origin` of a request means (rule 13). */
export type OriginVerdict =
  | { readonly type: 'allowed'; readonly origin: string }
  /** Nobody who is bound by the rules of browsers. */
  | { readonly type: 'no-browser' }
  | { readonly type: 'refused' }

/** Judges by the list, and by where the server was asked for; `null` is never allowed, and nothing only where no browser asks. */
export function judgeOrigin(request: IncomingMessage, origins: readonly string[]): OriginVerdict {
  const { headers } = request
  const { origin } = headers
  if (origin === undefined) {
    // Node's own `fetch` sends `Sec-Fetch-Mode`, and knows no site.
    const isBrowser = headers.cookie !== undefined || headers['sec-fetch-site'] !== undefined
    return isBrowser ? { type: 'refused' } : { type: 'no-browser' }
  }
  return origins.includes(origin) || isOwn(origin, request) ? { type: 'allowed', origin } : { type: 'refused' }
}

/** Where the request was sent to; HTTP/2 has a name of its own for it, and `host` is not there. */
export function hostOf(headers: IncomingHttpHeaders): string | undefined {
  const authority = headers[':authority']
  return typeof authority === 'string' ? authority : headers.host
}

/** Whether a page comes from where it asks. In front of a server that speaks plain HTTP there may be a proxy that speaks TLS. */
function isOwn(origin: string, { headers, socket }: IncomingMessage): boolean {
  const host = hostOf(headers)
  if (host === undefined) return false
  const isEncrypted = 'encrypted' in socket && socket.encrypted === true
  return origin === `https://${host}` || (!isEncrypted && origin === `http://${host}`)
}

const forwarding = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/** The peer's address, unless a proxy may stand between: then it would be the proxy's, and all clients one. */
export function directAddress({ headers, socket }: IncomingMessage): string | undefined {
  const { remoteAddress } = socket
  const isForwarded = forwarding.some((name) => headers[name] !== undefined)
  return isForwarded || remoteAddress === undefined || /^(::1|(::ffff:)?127\.)/.test(remoteAddress) ? undefined : remoteAddress
}

/** Attachments per second of each address. */
export class AddressLimit {
  readonly #perSecond: number
  readonly #buckets = new Map<string, Bucket>()
  #pruneAtSize = 1000

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  take(address: string | undefined, now: number): boolean {
    if (address === undefined) return true
    let bucket = this.#buckets.get(address)
    if (!bucket) {
      if (this.#buckets.size >= this.#pruneAtSize) this.#prune(now)
      bucket = new Bucket(this.#perSecond, Math.max(1, 5 * this.#perSecond), now)
      this.#buckets.set(address, bucket)
    }
    return bucket.take(now)
  }

  #prune(now: number): void {
    for (const [address, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(address)
    // Amortised: looking through all of them for each new one would be quadratic.
    this.#pruneAtSize = Math.max(1000, 2 * this.#buckets.size)
  }
}
