import type { Payload } from '../ports.ts'

export { bytesOf } from '../../util/payload.ts'

/** Copies bytes, since the caller may overwrite them later. */
export function copied(data: Payload): Payload {
  return typeof data === 'string' ? data : new Uint8Array(data)
}
