import type { Payload } from '../api/protocol.ts'
import { base64 } from '../wire/base64.ts'
import type { Place } from '../wire/steadfast-v1.ts'
import { bytesOf } from './bytes.ts'

/** An entry of the session's log, in the order of writing. Each stream has its own offsets; stream 0 is the session's. */
export interface Entry {
  readonly stream: number
  readonly offset: number
  /** A message, the frame that announces a topic's stream or its end, or the JSON of a call. */
  readonly said: { readonly message: Payload } | { readonly announcement: string } | { readonly call: string }
}

/** The frame of an entry. */
export function frameOf({ stream, offset, said }: Entry, takesBytes: boolean): Payload {
  if ('announcement' in said) return said.announcement
  if ('call' in said) return `C${stream}.${offset}:${said.call}`
  const { message } = said
  if (typeof message === 'string') return `M${JSON.stringify([[stream, offset, message]])}`
  if (!takesBytes) return `b${stream}.${offset}:${base64(new Uint8Array(message))}`
  const head = bytesOf(`${stream}.${offset}\n`)
  const frame = new Uint8Array(head.length + message.byteLength)
  frame.set(head)
  frame.set(new Uint8Array(message), head.length)
  return frame.buffer
}

/** Parses the client's cursor. */
export function placesOf(cursor = ''): ReadonlyMap<number, Place> {
  const places = cursor.split(',').filter((place) => place !== '')
  return new Map(
    places.map((text) => {
      const [place = '', epoch = ''] = text.split('~')
      const [stream, offset] = place.split('.').map(Number)
      return [stream ?? 0, { offset: offset ?? 0, epoch }]
    }),
  )
}
