import { isBuffer } from '../util/type-tags.ts'

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** Decodes base64 of UTF-8 to text. */
export function utf8Of(base64: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)))
}

/** A copy of the bytes, since a network copies, too. */
export function copyOf(data: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  const view = isBuffer(data) ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return view.slice().buffer as ArrayBuffer
}
