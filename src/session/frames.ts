import { base64 } from '../wire/base64.ts'

/** A message under its number; `null` for one that was withdrawn. */
export interface Numbered {
  readonly n: number
  readonly data: string | ArrayBuffer | null
  /** The text is the JSON of a call (rule 21). */
  readonly isCall?: boolean | undefined
}

/** What a WebSocket is given for these messages: as few frames as can be (docs/PROTOCOL.md, rule 17). */
export function framesOf(messages: readonly Numbered[]): (string | ArrayBuffer)[] {
  return runsOf(messages).map(({ n, data, isCall, texts }) => {
    if (data === null) return `w${n}`
    if (isCall) return `C${n}:${data}`
    if (texts.length > 1) return batch(n, texts)
    return typeof data === 'string' ? `m${n}:${data}` : withNumber(n, data)
  })
}

/** The same as lines of a POST. */
export function linesOf(messages: readonly Numbered[]): string[] {
  return runsOf(messages).map(({ n, data, isCall, texts }) => {
    if (data === null) return `w${n}`
    if (isCall) return `C${n}:${data}`
    if (typeof data !== 'string') return `b${n}:${base64(new Uint8Array(data))}`
    const growth = texts.length > 1 ? 0 : jsonGrowth(data)
    if (growth < 99) return batch(n, texts)
    // A control character takes six bytes as JSON. No text may grow so much that the limit of a body refuses what that of a message allows.
    if (!/[\r\n]/.test(data)) return `m${n}:${data}`
    return growth > data.length / 3 ? `T${n}:${base64(utf8(data))}` : batch(n, texts)
  })
}

/** What a message of so many bytes takes in a batch of a POST, in bytes. */
export function lineBytes(data: unknown, bytes: number): number {
  return typeof data === 'string' ? bytes + jsonGrowth(data) + 1 : (bytes * 4) / 3 + 9
}

/** By how many bytes a text is longer as JSON: all that is escaped is ASCII, and so is what stands for it. */
export function jsonGrowth(text: string): number {
  return JSON.stringify(text).length - text.length
}

/** A POST's body, and its type: one of those that need no CORS preflight. */
export interface Form {
  readonly type: string
  readonly body: string
}

/**
 * Lines as the one file of a form: a firewall that refuses other bodies lets it pass, and looks for no attacks in it. No line begins
 * with two dashes, so that for a server any boundary would do. ModSecurity refuses one that a line holds anywhere: this one no
 * message can know (`random` is from 0 to 1).
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

/** What stands before a sign, and what behind it. */
export function cut(text: string, sign: string): [before: string, after: string] {
  const at = text.indexOf(sign)
  if (at < 0) throw new SyntaxError(sign)
  return [text.slice(0, at), text.slice(at + 1)]
}

interface MessageRun extends Numbered {
  readonly texts: string[]
}

/** Texts that follow one another are one run, whose `n` is that of the first. */
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
