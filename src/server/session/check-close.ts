import { codes } from '../../wire/steadfast-v1.ts'
import { kindOf } from '../util/payload.ts'

const ownCodes: readonly number[] = [codes.unauthenticated, codes.forbidden, codes.ended]
const takenCodes: readonly number[] = Object.values(codes)

/** @throws TypeError for a code or a reason with which the application cannot end a session */
export function checkClose(code: unknown = codes.ended, reason: unknown = '', name = '', isSocket = false): void {
  const allowed = isSocket
    ? 'a code as a WebSocket has it: 1000 to 1014 without 1004, or 3000 to 4999'
    : `a code from 4000 to 4999 that the protocol does not use, or ${ownCodes.join(', ')}`
  const isAllowed = typeof code === 'number' && Number.isInteger(code) && (isSocket ? isSocketCode(code) : isSessionCode(code))
  if (!isAllowed)
    throw new TypeError(`RealtimeServer: ${name}() takes ${allowed}; it was ${typeof code === 'number' ? code : kindOf(code)}.`)
  if (typeof reason !== 'string' || new TextEncoder().encode(reason).length > 123)
    throw new TypeError(`RealtimeServer: ${name}() takes a reason of at most 123 bytes.`)
  if (code === 1005 && reason !== '')
    throw new TypeError(`RealtimeServer: ${name}(1005) closes without a code, and takes no reason.`)
}

function isSessionCode(code: number): boolean {
  return code >= 4000 && code <= 4999 && (!takenCodes.includes(code) || ownCodes.includes(code))
}

/** The codes that a Close frame may hold (RFC 6455 §7.4), and 1005 for a frame without a code, 1006 for no frame. */
function isSocketCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004) || (code >= 3000 && code <= 4999)
}
