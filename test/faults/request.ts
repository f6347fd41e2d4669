import { linesOf } from '../../src/server/adapters/body-lines.ts'
import type { FaultTransport, Mode } from './fault.ts'

/** A complete request of a browser. */
export interface Request {
  readonly method: string
  /** The path with its query. */
  readonly path: string
  /** Everything up to the body. */
  readonly head: string
  readonly body: string
  readonly isUpgrade: boolean
  readonly origin: string
}

const headEnd = '\r\n\r\n'

/** Parses the first request of these bytes (as latin1) and returns the rest; `null` while it is incomplete. */
export function readRequest(bytes: string): { readonly request: Request; readonly rest: string } | null {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return null
  const bodyAt = end + headEnd.length
  const head = bytes.slice(0, bodyAt)
  const length = Number(fieldOf(head, 'content-length') || 0)
  if (bytes.length < bodyAt + length) return null
  const [method = '', path = ''] = head.split(' ', 2)
  const request = {
    method,
    path,
    head,
    body: bytes.slice(bodyAt, bodyAt + length),
    isUpgrade: fieldOf(head, 'upgrade').toLowerCase() === 'websocket',
    origin: fieldOf(head, 'origin'),
  }
  return { request, rest: bytes.slice(bodyAt + length) }
}

/** The value of a header field; '' if it is missing. */
export function fieldOf(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*?) *$`, 'im').exec(head)?.[1] ?? ''
}

/** The head with this field set, or removed if `null`. */
export function withField(head: string, name: string, value: string | null): string {
  const without = head.replace(new RegExp(`^${name}:.*\r\n`, 'gim'), '')
  return value === null ? without : without.replace(/\r\n$/, `${name}: ${value}\r\n\r\n`)
}

/** Whether a request is the dial of this transport, and not a follow-up question, a preflight or a POST of messages. */
export function isAttaching({ isUpgrade, method, path, body }: Request, transport: FaultTransport, mode: Mode): boolean {
  if (transport === 'websocket') return isUpgrade
  if (mode === 'plain') return method === 'GET'
  return method === 'POST' && !path.includes('diagnose=') && !linesOf(body)?.[0]?.includes('"send":true')
}
