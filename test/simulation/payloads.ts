/** Messages of the application: each contains its own tag, and its whole content is known. */
export type Kind = 'text' | 'binary'

export interface Made {
  readonly kind: Kind
  readonly text: string
}

const fillers = ['plain text ', 'lines\nand\r\nreturns ', '"quotes", \\ and [brackets] ', 'ä€\u{1f642}\u2028 ']

/** `tag` is unique; filler brings the message to about `size` bytes. */
export function made(tag: string, kind: Kind, size: number, flavour: number): Made {
  const filler = kind === 'binary' ? 'bytes\n:' : (fillers[flavour % fillers.length] ?? '')
  const head = `${tag}|`
  return { kind, text: head + filler.repeat(Math.max(0, Math.ceil((size - head.length) / filler.length))) }
}

/** The message as an argument of `send()`. */
export function outOf({ kind, text }: Made): string | ArrayBuffer {
  return kind === 'text' ? text : bytesOf(text).buffer
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** The message for received data. */
export function inOf(data: unknown): Made {
  if (typeof data === 'string') return { kind: 'text', text: data }
  const bytes = data instanceof Uint8Array ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : null
  if (!bytes) throw new TypeError('a message is neither text nor bytes')
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return { kind: 'binary', text }
}

export function tagOf({ text }: Made): string {
  const end = text.indexOf('|')
  return end < 0 ? '' : text.slice(0, end)
}

export function isSame(one: Made, other: Made): boolean {
  return one.kind === other.kind && one.text === other.text
}
