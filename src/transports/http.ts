import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Call, Delivery, Link, Writable } from '../api/transport.ts'
import { dateOf, isPage, sniffed } from '../util/http-fields.ts'
import { longestMs } from '../wire/readers.ts'
import { bytesOfBody, textOfBody } from './body.ts'
import { Failure, reportOf } from './failure.ts'
import { addressOf, withoutUser } from './request-url.ts'

const startWithinMs = 500
const startLength = 80
/** The most redirects in a row that are followed here instead of by the browser. */
const maxHops = 3
/** How much of the response to a POST is read, in bytes: only so that the browser can reuse the connection. */
const restBytes = 2 ** 16
/** The longest wait for a date in `Retry-After` that can be compared only with this device's clock, in milliseconds. */
const longestGuessMs = 300_000

/** Makes the GET that receives messages. */
export async function get(call: Call, type: string, accept: string, signal: AbortSignal): Promise<Response> {
  const { address, headers } = addressOf(call, type)
  return follow(call, address, { headers: { Accept: accept, ...headers }, signal })
}

/** Sends once and never retries: a request that failed may have arrived. */
export async function post(
  call: Call,
  body: Writable | URLSearchParams,
  signal: AbortSignal,
  keepalive = false,
  headers = call.headers,
): Promise<Delivery> {
  try {
    // If `fetch` followed a redirect, it would drop the message, or send it with the headers of `prepare()` to any origin.
    const init: RequestInit = { method: 'POST', redirect: 'manual', headers, body, keepalive, signal }
    const response = await request(call, call.sendUrl, init)
    // A captive portal answers for every server with HTML. But frameworks also label a short text, or an empty body, as HTML.
    const type = contentTypeOf(response.headers)
    const html = response.ok && (!type || isPage(type)) ? await textOfBody(response, restBytes, signal).catch(() => '<') : ''
    if (!response.ok || (type ? html.includes('<') : sniffed(html))) {
      const start = html.trim().slice(0, startLength)
      return { outcome: 'refused', report: { ...(await answered(response, call)), ...(start && { start }) } }
    }
    // Read to its end, so that the browser can reuse the connection.
    await bytesOfBody(response, restBytes, signal).catch(() => {})
    return { outcome: 'sent' }
  } catch (error) {
    const report = reportOf(error, 'broken')
    return { outcome: report.kind === 'unsupported' ? 'refused' : 'unconfirmed', report }
  }
}

/** Returns the link of a transport that sends by POST. */
export function postingLink(call: Call): Link {
  return {
    isPosting: true,
    write: (data, signal, isLast) => post(call, call.protocol.body?.(data) ?? data, signal, isLast),
    ...(call.sendBatch && {
      writeLines: (lines, signal, isLast) => post(call, `${lines.join('\n')}\n`, signal, isLast, ndjsonHeaders(call)),
    }),
    bufferedBytes: () => 0,
    close() {},
  }
}

/** Adds the content type of the body, unless `prepare()` returned one. */
function ndjsonHeaders({ headers }: Call): Call['headers'] {
  const hasType = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
  return hasType ? headers : { ...headers, 'Content-Type': 'application/x-ndjson' }
}

export function request({ host, credentials }: Call, url: URL, init: RequestInit): Promise<Response> {
  if (!host.fetch) throw new Failure({ kind: 'unsupported', detail: 'fetch' })
  return host.fetch(withoutUser(url).href, { credentials, cache: 'no-store', ...init })
}

/**
 * Makes a GET and follows redirects. Headers from `prepare()` must not go to another origin: with them, a browser follows
 * redirects only on the page's own origin (mode `same-origin`), since it hides where a redirect leads; Node shows it.
 */
async function follow(call: Call, url: URL, init: RequestInit, hops = 0): Promise<Response> {
  const { pageOrigin } = call.host
  const isBound = Object.keys(call.headers).length > 0
  const within: RequestInit = isBound && pageOrigin === url.origin ? { mode: 'same-origin' } : { redirect: 'manual' }
  const response = await request(call, url, { ...init, ...((isBound || !pageOrigin) && within) })
  const location = isRedirection(response) && response.headers.get('location')
  const next = location && new URL(location, url)
  if (!next || hops >= maxHops || (isBound && next.origin !== url.origin)) return response
  response.body?.cancel().catch(() => {})
  return follow(call, next, init, hops + 1)
}

/** Browsers hide the status of a redirect that they do not follow. */
function isRedirection({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status)
}

/** Returns the report for an unexpected response. */
export async function answered(response: Response, { host }: Pick<Call, 'host'>): Promise<Answered> {
  const { status, headers, redirected } = response
  const isRedirect = isRedirection(response)
  const retryAfterMs = retryAfter(headers, host)
  const start = await startOf(response, host)
  const contentType = contentTypeOf(headers) || sniffed(start)
  return {
    kind: 'answered',
    status,
    contentType,
    ...(isRedirect && { isRedirect }),
    ...(start && { start }),
    ...(redirected && { isRedirected: true }),
    ...(retryAfterMs && { retryAfterMs }),
  }
}

type Answered = Extract<Report, { readonly kind: 'answered' }>

/** Returns the first characters of an unexpected response, if they arrive within `startWithinMs`. */
async function startOf({ body, bodyUsed }: Response, host: Host): Promise<string> {
  const reader = bodyUsed ? undefined : body?.getReader()
  if (!reader) return ''
  const stop = () => void reader.cancel().catch(() => {})
  const cancelLimit = host.after(startWithinMs, stop)
  const { value } = await reader.read().catch(() => ({ value: undefined }))
  cancelLimit()
  stop()
  return new TextDecoder().decode(value?.subarray(0, startLength))
}

export function contentTypeOf(headers: Headers): string {
  return headers.get('content-type') ?? ''
}

/**
 * Reads `Retry-After`: seconds, or a date (RFC 9110 §10.2.3) of the server's clock. From a date the header `Date` is subtracted,
 * if the page may read it, and not this device's time, which may be hours off.
 */
function retryAfter(headers: Headers, host: Host): number {
  const value = headers.get('retry-after') ?? ''
  const serverNow = dateOf(headers.get('date'))
  const isSeconds = /^\d+$/.test(value)
  const ms = isSeconds ? Number(value) * 1000 : dateOf(value) - (serverNow || host.wallTime(host.now()))
  return Math.min(isSeconds || serverNow ? longestMs : longestGuessMs, Math.max(0, ms || 0))
}
