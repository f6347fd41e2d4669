import type { SessionRefusal } from '../server/session-offer.ts'
import { codes } from '../wire/steadfast-v1.ts'

/** Pure: the refusal for a client whose backend answered the handshake with a status other than 101. */
export function refusalOfStatus(status: number): SessionRefusal {
  const reason = `the backend has answered ${status}`
  if (status === 401) return { code: codes.unauthenticated, reason }
  if (status === 403) return { code: codes.forbidden, reason }
  if (status === 429) return { code: codes.tooMany, reason }
  return { code: status >= 500 ? codes.restarting : codes.ended, reason }
}

/** Pure: the refusal for a handshake that failed. It names no pause, so that the client fails at once, as a WebSocket does. */
export function refusalOfError(error: unknown): SessionRefusal {
  const isOfProtocol = error instanceof Error && error.message.includes('subprotocol')
  if (isOfProtocol) return { code: codes.ended, reason: 'the backend speaks none of the subprotocols offered' }
  return { code: codes.restarting, reason: 'the backend cannot be reached' }
}

export const refusals = {
  noSocket: { code: codes.ended, reason: 'only sockets are served here: use webSocketOver() of steadfast/socket' },
  noTarget: { code: codes.forbidden, reason: 'there is no backend for this client' },
  otherTarget: { code: codes.forbidden, reason: 'this backend is not allowed' },
  late: { code: codes.restarting, reason: 'the backend did not answer in time' },
  closing: { code: codes.restarting, reason: 'restarting' },
} as const satisfies Record<string, SessionRefusal>

/** Pure: the close code and reason of a session whose backend has closed. 1006: the connection broke; 1005: no code was given. */
export function endOfSession(code: number, reason: string, isTooLarge: boolean): readonly [code: number, reason: string] {
  if (isTooLarge) return [1009, 'the backend has sent a message that is too large']
  if (code === 1005) return [1005, '']
  return isCloseCode(code) ? [code, reason] : [1006, '']
}

/** Pure: the close code and reason for the backend of a session that has ended. */
export function endOfBackend({
  by,
  code,
  reason,
}: {
  readonly by: 'client' | 'server' | 'network'
  readonly code: number
  readonly reason: string
}): readonly [code: number, reason: string] {
  if (by !== 'client') return [1001, '']
  const isShort = new TextEncoder().encode(reason).length <= 123
  return isCloseCode(code) ? [code, isShort ? reason : ''] : [1000, '']
}

/** Whether a Close frame may hold this code (RFC 6455 §7.4). */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999)
}
