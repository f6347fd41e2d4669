import { bytesOf } from '../sending/plain-sender.ts'

/** @throws TypeError for a close code or a reason that no WebSocket takes */
export function checkClose(code: number | undefined, reason: string): void {
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
    throw new TypeError(`RealtimeClient: the close code must be 1000 or 3000 to 4999; it was ${code}.`)
  if (bytesOf(reason) > 123)
    throw new TypeError(`RealtimeClient: the close reason must have at most 123 bytes; it has ${bytesOf(reason)}.`)
}
