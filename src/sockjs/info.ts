import type { Call } from '../api/transport.ts'
import { textOfBody } from '../transports/body.ts'
import { Failure } from '../transports/failure.ts'
import { answered, request } from '../transports/http.ts'
import { withQuery } from '../transports/request-url.ts'
import { below } from './place.ts'

/** The longest response to `/info`, in bytes. */
const maxBytes = 2 ** 16

/** What a SockJS server reports about itself (sockjs-protocol 0.3, "Information resource"). */
export interface Info {
  readonly hasWebSocket: boolean
  /** The base URL of the service: the configured one, unless the server names another. */
  readonly service: URL
  /** How long the response took, in milliseconds. */
  readonly roundTripMs: number
}

/**
 * Requests `/info`.
 * @throws Failure if the URL is not a SockJS server
 */
export async function askInfo(call: Call, signal: AbortSignal): Promise<Info> {
  const { host, url, headers, attempt } = call
  const since = host.now()
  const address = withQuery(below(url, 'info'), { t: attempt })
  const response = await request(call, address, { headers, redirect: 'manual', signal })
  const roundTripMs = host.now() - since
  if (response.status !== 200) throw new Failure(await answered(response, call))
  const info = objectIn(await textOfBody(response, maxBytes, signal))
  if (!info) throw mismatch('the answer to its /info is not a JSON object')
  return { hasWebSocket: info['websocket'] !== false, service: serviceOf(url, info['base_url']), roundTripMs }
}

/** Drops the headers of `prepare()` for a service at another origin: they are meant for the configured server only. */
export function callTo(call: Call, { service }: Info): Call {
  return service.origin === call.url.origin ? call : { ...call, headers: {} }
}

/** The failure of a server that does not speak the protocol. */
export function mismatch(detail: string): Failure {
  return new Failure({ kind: 'mismatch', detail })
}

/** The server may name another host for its sessions; the query of the first URL is not passed on to that host. */
function serviceOf(asked: URL, named: unknown): URL {
  if (typeof named !== 'string' || named === '') return asked
  try {
    const service = new URL(named, asked)
    if (service.origin === asked.origin && !service.search) service.search = asked.search
    if (/^https?:$/.test(service.protocol)) return service
  } catch {
    // Not a URL.
  }
  throw mismatch('the base_url of its /info is not an http(s) URL')
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value ? { ...value } : null
  } catch {
    return null
  }
}
