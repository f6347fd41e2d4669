import type { IncomingMessage } from 'node:http'
import { forwardedFor, isForwarded, peerOf, type TrustedProxy } from '../server/adapters/client-address.ts'
import { isFieldValue, isToken } from '../util/http-fields.ts'
import type { BackendHeaders } from './options.ts'

export const defaultForwardHeaders: readonly string[] = ['authorization', 'cookie', 'origin', 'user-agent', 'accept-language']

/** Headers of one connection (RFC 9110 §7.6.1), of its body, and of the handshake with the backend. */
const ofOneConnection = [
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'http2-settings'],
  ...['host', 'forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'],
]

/** Pure: why a header must not be forwarded to the backend; `null` if it may be. */
export function faultOfName(name: unknown): string | null {
  if (!isToken(name)) return 'it is not a valid header name'
  const lower = name.toLowerCase()
  const isOwn = ofOneConnection.includes(lower) || /^(proxy|content|sec-websocket)-/.test(lower)
  return isOwn ? 'it belongs to one connection, or the gateway writes it itself' : null
}

/** Pure: what is wrong with headers for the backend, without their values; `null` if nothing is. */
export function faultOfHeaders(headers: unknown): string | null {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return 'it must be an object of names and values'
  for (const [name, value] of Object.entries(headers)) {
    const fault = faultOfName(name)
    if (fault !== null) return `'${name}' cannot be in it: ${fault}`
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (!values.every((each) => typeof each === 'string' && isFieldValue(each)))
      return `the value of '${name}' is not a valid header value`
  }
  return null
}

/** Pure: the headers of the handshake with the backend. */
export function backendHeaders(
  request: IncomingMessage,
  names: readonly string[],
  more: BackendHeaders,
  isTrusted: TrustedProxy,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (const name of names) {
    const value = request.headers[name]
    if (value !== undefined) headers[name] = value
  }
  Object.assign(headers, forwarded(request, isTrusted))
  for (const [name, value] of Object.entries(more)) headers[name.toLowerCase()] = typeof value === 'string' ? value : [...value]
  return headers
}

/** The `X-Forwarded-*` headers: those of a trusted proxy, extended by this request's peer. */
function forwarded(request: IncomingMessage, isTrusted: TrustedProxy): Record<string, string> {
  const { headers, socket } = request
  const peer = peerOf(request)
  const isFromProxy = isTrusted(peer, 0)
  const said = (name: string) => {
    const value = isFromProxy ? headers[name] : undefined
    return typeof value === 'string' && isFieldValue(value) && value !== '' ? value : undefined
  }
  const isEncrypted = 'encrypted' in socket && socket.encrypted === true
  const authority = headers[':authority'] ?? headers.host
  const before = isFromProxy && isForwarded(request) ? forwardedFor(request).filter((each) => isFieldValue(each)) : []
  return {
    'x-forwarded-for': [...before.map((each) => each.trim()), peer].join(', '),
    'x-forwarded-proto': said('x-forwarded-proto') ?? (isEncrypted ? 'https' : 'http'),
    ...(typeof authority === 'string' ? { 'x-forwarded-host': said('x-forwarded-host') ?? authority } : {}),
  }
}
