import { kindOf } from '../util/payload.ts'

/** Options of `publish()`. */
export interface PublishOptions {
  /** Makes the publication idempotent: a repetition within two minutes returns the first one's offset. 1 to 256 characters. */
  readonly key?: string | undefined
}

/** @throws TypeError for an invalid key of a publication */
export function checkKey(key: unknown): void {
  if (key === undefined || (typeof key === 'string' && key !== '' && key.length <= 256)) return
  throw new TypeError(`RealtimeServer: publish() takes a key of 1 to 256 characters; it was ${kindOf(key)}.`)
}
