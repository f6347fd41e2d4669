import type { Payload } from '../api/protocol.ts'
import { isBuffer, tagOf } from '../util/type-tags.ts'
import { copyOf } from './bytes.ts'

/** @throws TypeError for data that is neither a string nor bytes */
export function payloadOf(data: unknown): Payload {
  if (typeof data === 'string') return data
  if (isBuffer(data) || ArrayBuffer.isView(data)) return copyOf(data)
  throw new TypeError(
    `FakeServer: send() takes a string or bytes, not ${tagOf(data)}; for anything else give the codec of the client, such as createFakeServer({ codec: json() }).`,
  )
}
