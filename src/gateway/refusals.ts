import type { SessionRefusal } from '../server/session-offer.ts'
import { codes } from '../wire/steadfast-v1.ts'

/** Pure: with what a client is refused whose backend has answered its handshake with a status instead of 101. */
export function refusalOfStatus(status: number): SessionRefusal {
  const reason = `the backend has answered ${status}`
  if (status === 401) return { code: codes.unauthenticated, reason }
  if (status === 403) return { code: codes.forbidden, reason }
  if (status === 429) return { code: codes.tooMany, reason }
  return { code: status >= 500 ? codes.restarting : codes.ended, reason }
}

/** Pure: the same for a handshake that failed. Without a pause, so that the client fails at once, as a WebSocket does. */
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

/** Pure: with what a session is ended whose backend has closed. 1006 is a connection that broke, 1005 a close without a code. */
export function endOfSession(code: number, reason: string, isTooLarge: boolean): readonly [code: number, reason: string] {
  if (isTooLarge) return [1009, 'the backend has sent a message that is too large']
  if (code === 1005) return [1005, '']
  return isCloseCode(code) ? [code, reason] : [1006, '']
}

/** Pure: with what the backend is closed whose session has ended. */
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

/** What a Close frame may hold (RFC 6455 §7.4). */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999)
}
