/** A message under its number; `null` for one that was withdrawn. */
export interface Numbered {
  readonly n: number
  readonly data: string | ArrayBuffer | null
}

/** What a WebSocket is given for these messages: as few frames as can be (docs/PROTOCOL.md, rule 17). */
export function framesOf(messages: readonly Numbered[]): (string | ArrayBuffer)[] {
  return runsOf(messages).map(({ n, data, texts }) => {
    if (data === null) return `w${n}`
    if (texts.length > 1) return batch(n, texts)
    return typeof data === 'string' ? `m${n}:${data}` : withNumber(n, data)
  })
}

/** The same as lines of a POST. */
export function linesOf(messages: readonly Numbered[]): string[] {
  return runsOf(messages).map(({ n, data, texts }) => {
    if (data === null) return `w${n}`
    return typeof data === 'string' ? batch(n, texts) : `b${n}:${base64(new Uint8Array(data))}`
  })
}

/** base64 of bytes. */
export function base64(bytes: Uint8Array): string {
  const parts: string[] = []
  // A function takes only so many arguments.
  for (let from = 0; from < bytes.length; from += 8192) parts.push(String.fromCharCode(...bytes.subarray(from, from + 8192)))
  return btoa(parts.join(''))
}

/** base64url (RFC 4648 §5) without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replace(/[+/=]/g, (sign) => ({ '+': '-', '/': '_' })[sign] ?? '')
}

export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const letters = atob(text)
  const bytes = new Uint8Array(letters.length)
  // A loop is ten times as fast as `from` with a function.
  for (let index = 0; index < letters.length; index += 1) bytes[index] = letters.charCodeAt(index)
  return bytes
}

interface MessageRun extends Numbered {
  readonly texts: string[]
}

/** Texts that follow one another are one run, whose `n` is that of the first. */
function runsOf(messages: readonly Numbered[]): MessageRun[] {
  const runs: MessageRun[] = []
  for (const { n, data } of messages) {
    const last = runs[runs.length - 1]
    if (typeof data !== 'string') runs.push({ n, data, texts: [] })
    else if (last?.texts.length) last.texts.push(data)
    else runs.push({ n, data, texts: [data] })
  }
  return runs
}

function batch(n: number, texts: readonly string[]): string {
  return `M${JSON.stringify([n, ...texts])}`
}

function withNumber(n: number, data: ArrayBuffer): ArrayBuffer {
  const head = new TextEncoder().encode(`${n}\n`)
  const frame = new Uint8Array(head.length + data.byteLength)
  frame.set(head)
  frame.set(new Uint8Array(data), head.length)
  return frame.buffer
}
