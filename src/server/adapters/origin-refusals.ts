import { Buffer } from 'node:buffer'
import type { RefusedOrigin } from './origin.ts'

/** The longest text of a close reason, in bytes (RFC 6455 §5.5). */
const maxBytes = 123
/** How many different origins are reported at most: a client that invents origins would fill the log. */
const maxReported = 100

/** The reason that the client receives: both origins that were compared, as far as they fit, and the remedy. */
export function reasonOf({ origin, own }: RefusedOrigin): string {
  if (origin === null) return 'no Origin header, though the request comes from a browser'
  if (origin === 'null') return 'the origin null (a sandboxed frame or a local file) is never allowed'
  const room = maxBytes - reasonWith('', '').length
  const shownOwn = shortened(own, Math.max(room - origin.length, Math.floor(room / 2)))
  return reasonWith(shortened(origin, room - Buffer.byteLength(shownOwn)), shownOwn)
}

function reasonWith(origin: string, own: string): string {
  return `the origin ${origin} is not this server's (${own}); add it to \`origins\``
}

/** Reduces a text to visible ASCII, so that each character is one byte. */
function shortened(text: string, most: number): string {
  const visible = text.replace(/[^\x21-\x7e]/g, '?')
  return visible.length > most ? `${visible.slice(0, most - 2)}..` : visible
}

/** Reports refused origins to the server's operator, each once. */
export class RefusalReporter {
  readonly #reported = new Set<string>()
  readonly #report: (error: unknown) => void

  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  refused(refusal: RefusedOrigin): void {
    const origin = refusal.origin === null ? '' : shortened(refusal.origin, 300)
    if (this.#reported.size >= maxReported || this.#reported.has(origin)) return
    this.#reported.add(origin)
    const isLast = this.#reported.size === maxReported
    this.#report(new Error(warningOf(origin, refusal) + (isLast ? ' Further origins that are refused are not reported.' : '')))
  }
}

function warningOf(shown: string, { origin, own }: RefusedOrigin): string {
  if (origin === null)
    return 'RealtimeServer: a request was refused that has cookies or Sec-Fetch-Site, and so comes from a browser, but no Origin header. Let the proxy in front pass Origin on.'
  if (origin === 'null')
    return 'RealtimeServer: the origin null was refused: it is that of sandboxed frames and local files, whoever made them. Serve the page from an origin of its own.'
  return (
    `RealtimeServer: the origin ${shown} was refused: it is not on the list \`origins\`, and not this server's own, which is ${shortened(own, 300)} as the request tells it. ` +
    `If it is another site whose pages may connect, set origins: ['${shown}']. ` +
    `If it is the address of this server, a proxy in front replaces the Host header: let it pass Host on (nginx: proxy_set_header Host $http_host), ` +
    `or set publicOrigins: ['${shown}'], or trustProxy where the proxy sends X-Forwarded-Host and X-Forwarded-Proto.`
  )
}
