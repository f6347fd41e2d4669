import { base64 } from '../wire/base64.ts'

/** A message with its number; `data` is `null` if it was withdrawn. */
export interface Numbered {
  readonly n: number
  readonly data: string | ArrayBuffer | null
  /** Whether the text is the JSON of a call (rule 21). */
  readonly isCall?: boolean | undefined
}

/** The frames of these messages for a WebSocket, as few as possible (docs/PROTOCOL.md, rule 17). */
export function framesOf(messages: readonly Numbered[]): (string | ArrayBuffer)[] {
  return runsOf(messages).map(({ n, data, isCall, texts }) => {
    if (data === null) return `w${n}`
    if (isCall) return `C${n}:${data}`
    if (texts.length > 1) return batch(n, texts)
    return typeof data === 'string' ? `m${n}:${data}` : withNumber(n, data)
  })
}

/** The lines of these messages for a POST. */
export function linesOf(messages: readonly Numbered[]): string[] {
  return runsOf(messages).map(({ n, data, isCall, texts }) => {
    if (data === null) return `w${n}`
    if (isCall) return `C${n}:${data}`
    if (typeof data !== 'string') return `b${n}:${base64(new Uint8Array(data))}`
    const growth = texts.length > 1 ? 0 : jsonGrowth(data)
    if (growth < 99) return batch(n, texts)
    // A control character takes six bytes as JSON, which must not push an allowed message over the limit of a body.
    if (!/[\r\n]/.test(data)) return `m${n}:${data}`
    return growth > data.length / 3 ? `T${n}:${base64(utf8(data))}` : batch(n, texts)
  })
}

/** The size of a message in a batch of a POST, in bytes; `bytes` is its own size. */
export function lineBytes(data: unknown, bytes: number): number {
  return typeof data === 'string' ? bytes + jsonGrowth(data) + 1 : (bytes * 4) / 3 + 9
}

/** How many bytes longer a text is as JSON: both the escaped characters and their escapes are ASCII. */
export function jsonGrowth(text: string): number {
  return JSON.stringify(text).length - text.length
}

/** A POST's body, and its content type: one that needs no CORS preflight. */
export interface Form {
  readonly type: string
  readonly body: string
}

/**
 * Wraps lines as the only file of a form: a firewall that refuses other bodies lets it pass, and does not scan it for attacks. No
 * line begins with two dashes, so any boundary would do for a server. ModSecurity refuses a boundary that occurs anywhere in a
 * line: this one is random, so that no message can contain it (`random` is from 0 to 1).
 */
export function formOf(lines: string, random: number): Form {
  const boundary = `steadfast${random.toString(36).slice(2)}`
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n${lines}\r\n--${boundary}--\r\n`,
  }
}

export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const letters = atob(text)
  const bytes = new Uint8Array(letters.length)
  // A loop is ten times as fast as `from` with a function.
  for (let index = 0; index < letters.length; index += 1) bytes[index] = letters.charCodeAt(index)
  return bytes
}

/** The text before a character, and the text after it. */
export function cut(text: string, sign: string): [before: string, after: string] {
  const at = text.indexOf(sign)
  if (at < 0) throw new SyntaxError(sign)
  return [text.slice(0, at), text.slice(at + 1)]
}

interface MessageRun extends Numbered {
  readonly texts: string[]
}

/** Joins consecutive texts to one run, whose `n` is that of the first. */
function runsOf(messages: readonly Numbered[]): MessageRun[] {
  const runs: MessageRun[] = []
  for (const { n, data, isCall } of messages) {
    const last = runs[runs.length - 1]
    if (typeof data !== 'string' || isCall) runs.push({ n, data, isCall, texts: [] })
    else if (last?.texts.length) last.texts.push(data)
    else runs.push({ n, data, texts: [data] })
  }
  return runs
}

function batch(n: number, texts: readonly string[]): string {
  return `M${JSON.stringify([n, ...texts])}`
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

function withNumber(n: number, data: ArrayBuffer): ArrayBuffer {
  const head = utf8(`${n}\n`)
  const frame = new Uint8Array(head.length + data.byteLength)
  frame.set(head)
  frame.set(new Uint8Array(data), head.length)
  return frame.buffer
}
