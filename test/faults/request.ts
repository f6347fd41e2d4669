import { linesOf } from '../../src/server/adapters/body-lines.ts'
import type { FaultTransport, Mode } from './fault.ts'

/** A request of a browser, whole. */
export interface Request {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Everything up to the body. */
  readonly head: string
  readonly body: string
  readonly isUpgrade: boolean
  readonly origin: string
}

const headEnd = '\r\n\r\n'

/** Reads the first request of these bytes (as latin1) and says what is left; `null` while it is not whole. */
export function readRequest(bytes: string): { readonly request: Request; readonly rest: string } | null {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return null
  const bodyAt = end + headEnd.length
  const head = bytes.slice(0, bodyAt)
  const length = Number(fieldOf(head, 'content-length') || 0)
  if (bytes.length < bodyAt + length) return null
  const [method = '', path = ''] = head.split(' ', 2)
  const request = {
    ...{ method, path, head },
    body: bytes.slice(bodyAt, bodyAt + length),
    isUpgrade: fieldOf(head, 'upgrade').toLowerCase() === 'websocket',
    origin: fieldOf(head, 'origin'),
  }
  return { request, rest: bytes.slice(bodyAt + length) }
}

/** A header field of a head; '' where it is not there. */
export function fieldOf(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*?) *$`, 'im').exec(head)?.[1] ?? ''
}

/** The head with another value in this field, or without it, or with it added. */
export function withField(head: string, name: string, value: string | null): string {
  const without = head.replace(new RegExp(`^${name}:.*\r\n`, 'gim'), '')
  return value === null ? without : without.replace(/\r\n$/, `${name}: ${value}\r\n\r\n`)
}

/** Whether a request is what the transport connects by, and not a question, a preflight or something that is sent. */
export function isAttaching({ isUpgrade, method, path, body }: Request, transport: FaultTransport, mode: Mode): boolean {
  if (transport === 'websocket') return isUpgrade
  if (mode === 'plain') return method === 'GET'
  return method === 'POST' && !path.includes('diagnose=') && !linesOf(body)?.[0]?.includes('"send":true')
}
