import type { Call } from '../api/transport.ts'
import { textOfBody } from '../transports/body.ts'
import { Failure } from '../transports/failure.ts'
import { answered, request } from '../transports/http.ts'
import { withQuery } from '../transports/request-url.ts'
import { below } from './place.ts'

/** No server has more to say of itself, in bytes. */
const mostBytes = 2 ** 16

/** What a SockJS server says of itself (sockjs-protocol 0.3, "Information resource"). */
export interface Info {
  readonly hasWebSocket: boolean
  /** Where the service is: below the URL that was asked, unless the server names another one. */
  readonly service: URL
  /** How long the answer took, in milliseconds. */
  readonly roundTripMs: number
}

/**
 * Asks a server about itself.
 * @throws Failure where what answers is no SockJS server
 */
export async function askInfo(call: Call, signal: AbortSignal): Promise<Info> {
  const { host, url, headers, attempt } = call
  const since = host.now()
  const address = withQuery(below(url, 'info'), { t: attempt })
  const response = await request(call, address, { headers, redirect: 'manual', signal })
  const roundTripMs = host.now() - since
  if (response.status !== 200) throw new Failure(await answered(response, call))
  const info = objectIn(await textOfBody(response, mostBytes, signal))
  if (!info) throw mismatch('the answer to its /info is no JSON of an object')
  return { hasWebSocket: info['websocket'] !== false, service: serviceOf(url, info['base_url']), roundTripMs }
}

/** What `prepare()` gave is for the server that was named, and for no other to which that one sends. */
export function callTo(call: Call, { service }: Info): Call {
  return service.origin === call.url.origin ? call : { ...call, headers: {} }
}

/** The server that answers does not speak the protocol. */
export function mismatch(detail: string): Failure {
  return new Failure({ kind: 'mismatch', detail })
}

/** A server may name another host for its sessions; a query that came with the first URL is not for that one. */
function serviceOf(asked: URL, named: unknown): URL {
  if (typeof named !== 'string' || named === '') return asked
  try {
    const service = new URL(named, asked)
    if (service.origin === asked.origin && !service.search) service.search = asked.search
    if (/^https?:$/.test(service.protocol)) return service
  } catch {
    // Not a URL at all.
  }
  throw mismatch('the base_url of its /info is no http(s) URL')
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value ? { ...value } : null
  } catch {
    return null
  }
}
