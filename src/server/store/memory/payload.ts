import type { Payload } from '../ports.ts'

export { bytesOf } from '../../util/payload.ts'

/** What the store keeps of a payload: bytes are copied, since whoever has them may write into them. */
export function copied(data: Payload): Payload {
  return typeof data === 'string' ? data : new Uint8Array(data)
}
