import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Call, Delivery, Link, Writable } from '../api/transport.ts'
import { isPage, sniffed } from '../util/http-fields.ts'
import { longestMs } from '../wire/readers.ts'
import { bytesOfBody, textOfBody } from './body.ts'
import { Failure, reportOf } from './failure.ts'
import { addressOf, withoutUser } from './request-url.ts'

const startWithinMs = 500
const startLength = 80
/** How many redirections in a row are followed where the browser does not do it. */
const mostHops = 3
/** What an answer to a POST is read of: it is of no use but that the browser can use the connection again. */
const restBytes = 2 ** 16
/** So long a date in `Retry-After` is waited for at most where it can be compared with the clock of this device alone. */
const longestGuessMs = 300_000

/** Asks for what is new. */
export async function get(call: Call, type: string, accept: string, signal: AbortSignal): Promise<Response> {
  const { address, headers } = addressOf(call, type)
  return follow(call, address, { headers: { Accept: accept, ...headers }, signal })
}

/** Sends once, and never again: once a request is on its way, nobody can know whether it arrived. */
export async function post(
  call: Call,
  body: Writable | URLSearchParams,
  signal: AbortSignal,
  keepalive = false,
  headers = call.headers,
): Promise<Delivery> {
  try {
    // A redirection is followed without the message, or with it and the headers of `prepare()` to wherever it leads.
    const init: RequestInit = { method: 'POST', redirect: 'manual', headers, body, keepalive, signal }
    const response = await request(call, call.sendUrl, init)
    // A portal answers in the place of every server. A framework calls HTML what is a short text, or nothing.
    const type = contentTypeOf(response.headers)
    const html = response.ok && (!type || isPage(type)) ? await textOfBody(response, restBytes, signal).catch(() => '<') : ''
    if (!response.ok || (type ? html.includes('<') : sniffed(html))) {
      const start = html.trim().slice(0, startLength)
      return { outcome: 'refused', report: { ...(await answered(response, call)), ...(start && { start }) } }
    }
    // Read to its end, so that the browser can use the connection again.
    await bytesOfBody(response, restBytes, signal).catch(() => {})
    return { outcome: 'sent' }
  } catch (error) {
    const report = reportOf(error, 'broken')
    return { outcome: report.kind === 'unsupported' ? 'refused' : 'unconfirmed', report }
  }
}

/** The link of what sends by requests beside it. */
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

/** With the type of the body, unless `prepare()` has given one. */
function ndjsonHeaders({ headers }: Call): Call['headers'] {
  const hasType = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
  return hasType ? headers : { ...headers, 'Content-Type': 'application/x-ndjson' }
}

export function request({ host, credentials }: Call, url: URL, init: RequestInit): Promise<Response> {
  if (!host.fetch) throw new Failure({ kind: 'unsupported', detail: 'fetch' })
  return host.fetch(withoutUser(url).href, { credentials, cache: 'no-store', ...init })
}

/**
 * A GET, also where the server redirects it. The headers that `prepare()` gave are for no other origin: a browser follows by itself
 * on the page's own origin alone (its mode `same-origin`), and shows no page where else a redirection leads; Node does.
 */
async function follow(call: Call, url: URL, init: RequestInit, hops = 0): Promise<Response> {
  const { pageOrigin } = call.host
  const isBound = Object.keys(call.headers).length > 0
  const within: RequestInit = isBound && pageOrigin === url.origin ? { mode: 'same-origin' } : { redirect: 'manual' }
  const response = await request(call, url, { ...init, ...((isBound || !pageOrigin) && within) })
  const location = isRedirection(response) && response.headers.get('location')
  const next = location && new URL(location, url)
  if (!next || hops >= mostHops || (isBound && next.origin !== url.origin)) return response
  response.body?.cancel().catch(() => {})
  return follow(call, next, init, hops + 1)
}

/** A browser shows nothing of a redirection that it was told not to follow. */
function isRedirection({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status)
}

/** An answer that is not what was asked for. */
export async function answered(response: Response, { host }: Pick<Call, 'host'>): Promise<Answered> {
  const { status, headers, redirected } = response
  const isRedirect = isRedirection(response)
  const retryAfterMs = retryAfter(headers, host)
  const start = await startOf(response, host)
  const contentType = contentTypeOf(headers) || sniffed(start)
  return {
    ...{ kind: 'answered', status, contentType },
    ...(isRedirect && { isRedirect }),
    ...(start && { start }),
    ...(redirected && { isRedirected: true }),
    ...(retryAfterMs && { retryAfterMs }),
  }
}

type Answered = Extract<Report, { readonly kind: 'answered' }>

/** The first characters of an answer that was not asked for, if they come soon. */
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
 * Seconds, or a date (RFC 9110 §10.2.3), which is one of the server's clock: what it says in `Date` is subtracted, where the page may
 * read that, and not what this device takes for the time, which may be hours from it.
 */
function retryAfter(headers: Headers, host: Host): number {
  const value = headers.get('retry-after') ?? ''
  const serverNow = Date.parse(headers.get('date') ?? '')
  const isSeconds = /^\d+$/.test(value)
  const ms = isSeconds ? Number(value) * 1000 : Date.parse(value) - (serverNow || host.wallTime(host.now()))
  return Math.min(isSeconds || serverNow ? longestMs : longestGuessMs, Math.max(0, ms || 0))
}
