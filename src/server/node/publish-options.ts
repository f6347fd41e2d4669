import { mustBeOptions, mustBeWellFormed } from '../util/option-checks.ts'
import { kindOf } from '../util/payload.ts'

/** Options of `publish()`. */
export interface PublishOptions {
  /** Makes the publication idempotent: a repetition within two minutes returns the first one's offset. 1 to 256 characters. */
  readonly key?: string | undefined
}

/** @throws TypeError for invalid options of a publication */
export function checkPublishOptions(options: PublishOptions): void {
  mustBeOptions('publish', options, ['key'])
  const key: unknown = options.key
  if (key === undefined) return
  if (typeof key === 'string' && key !== '' && key.length <= 256) {
    mustBeWellFormed(key, 'the key of publish()')
    return
  }
  const was = typeof key === 'string' ? `a string of ${key.length}` : kindOf(key)
  throw new TypeError(`RealtimeServer: publish() takes a key of 1 to 256 characters; it was ${was}.`)
}
