import type { Payload } from '../ports.ts'

export { bytesOf } from '../../util/payload.ts'

/** A payload as the store keeps it: bytes are copied, since the caller may write into them later. */
export function copied(data: Payload): Payload {
  return typeof data === 'string' ? data : new Uint8Array(data)
}
