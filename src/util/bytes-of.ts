import type { Writable } from '../api/transport.ts'
import { isBlob } from './type-tags.ts'

/** Returns the length in bytes on the wire: UTF-8 for text. */
export function bytesOf(data: Writable): number {
  if (typeof data !== 'string') return isBlob(data) ? data.size : data.byteLength
  let bytes = data.length
  for (let index = 0; index < data.length; index += 1) {
    const unit = data.charCodeAt(index)
    // A surrogate pair is two code units and four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
