import type { Report } from '../diagnosis/evidence.ts'
import type { Host } from '../host/host.ts'
import { longestMs } from '../protocols/readers.ts'
import { addressOf } from './address.ts'
import { bytesOfBody } from './body.ts'
import { Failure, reportOf } from './failure.ts'
import type { Call, Delivery, Link, Writable } from './transport.ts'

const startWithinMs = 500
const startLength = 80
/** What an answer to a POST is read of: it is of no use but that the browser can use the connection again. */
const restBytes = 2 ** 16

/** Asks for what is new. */
export async function get(call: Call, type: string, accept: string, signal: AbortSignal): Promise<Response> {
  const { address, headers } = addressOf(call, type)
  return request(call, address, { headers: { Accept: accept, ...headers }, signal })
}

/** Sends one message. It is never sent again: once a request is on its way, nobody can know whether it arrived. */
async function post(call: Call, body: Writable, signal: AbortSignal, keepalive = false): Promise<Delivery> {
  try {
    const response = await request(call, call.sendUrl, { method: 'POST', headers: call.headers, body, keepalive, signal })
    if (!response.ok) return { outcome: 'refused', report: await answered(response, call) }
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
  return { isPosting: true, write: (...message) => post(call, ...message), bufferedBytes: () => 0, close() {} }
}

export function request({ host, credentials }: Call, url: URL, init: RequestInit): Promise<Response> {
  if (!host.fetch) throw new Failure({ kind: 'unsupported', detail: 'fetch' })
  return host.fetch(url.href, { credentials, cache: 'no-store', ...init })
}

/** An answer that is not what was asked for. */
export async function answered(response: Response, { host }: Call): Promise<Report> {
  const { status, headers } = response
  const retryAfterMs = retryAfter(headers.get('retry-after'), host.now())
  const start = await startOf(response, host)
  return {
    ...{ kind: 'answered', status, contentType: contentTypeOf(headers) },
    ...(start && { start }),
    ...(retryAfterMs && { retryAfterMs }),
  }
}

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

/** Seconds, or a date (RFC 9110 §10.2.3). */
function retryAfter(value: string | null, now: number): number {
  if (!value) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Math.min(longestMs, Math.max(0, ms || 0))
}
