import type { Writable } from '../api/transport.ts'
import { writableOf } from '../client/writable.ts'
import { isBlob, tagOf } from '../util/type-tags.ts'
import { wellFormed } from '../util/well-formed.ts'

/**
 * What `send()` sends for a value, as Web IDL converts it: bytes or a `Blob` of any realm, or else the value's text, even if it
 * looks like one of these. Bytes that were transferred are empty.
 */
export function sentOf(data: unknown): Writable {
  if (typeof data === 'string') return wellFormed(data)
  if (isBytes(data))
    return data.byteLength ? writableOf(ArrayBuffer.isView(data) ? data : new Uint8Array(data)) : new ArrayBuffer(0)
  // A subclass may have a name of its own, by which the layers below would not know it.
  if (isRealBlob(data)) return isBlob(data) ? data : new Blob([data])
  return wellFormed(`${data}`)
}

function isBytes(data: unknown): data is ArrayBuffer | ArrayBufferView {
  return (
    ArrayBuffer.isView(data) ||
    succeeds(() => Reflect.get(ArrayBuffer.prototype, 'byteLength', data)) ||
    tagOf(data) === 'SharedArrayBuffer'
  )
}

function isRealBlob(data: unknown): data is Blob {
  return succeeds(() => Reflect.get(Blob.prototype, 'size', data))
}

/** A getter of the platform throws for an object that is not of its interface. */
function succeeds(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}
