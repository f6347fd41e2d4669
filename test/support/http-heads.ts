/**
 * Just enough HTTP/1.1 to find where requests and answers begin and end in a stream of bytes.
 *
 * A kept-alive connection may carry a long-poll first and an event stream later, so a fault of one kind of request has to look
 * at every request head, not only at the first. Bytes are never changed.
 */
import type { RequestKind } from './fault.ts'

export type RequestPiece =
  | { readonly type: 'head'; readonly bytes: Buffer; readonly kind: RequestKind; readonly path: string }
  | { readonly type: 'body'; readonly bytes: Buffer }

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '\r\n0\r\n\r\n'

/** Splits the bytes of a client into request heads and the bytes that belong to them. */
export class RequestReader {
  #unread: Buffer = Buffer.alloc(0)
  #bodyLeft = 0

  feed(chunk: Buffer): RequestPiece[] {
    const pieces: RequestPiece[] = []
    let rest = this.#unread.length > 0 ? Buffer.concat([this.#unread, chunk]) : chunk
    while (rest.length > 0) {
      let size: number
      if (this.#bodyLeft > 0) {
        size = Math.min(rest.length, this.#bodyLeft)
        this.#bodyLeft -= size
        pieces.push({ type: 'body', bytes: rest.subarray(0, size) })
      } else {
        const end = rest.indexOf(HEAD_END)
        if (end < 0) break
        size = end + HEAD_END.length
        pieces.push(this.#head(rest.subarray(0, size)))
      }
      rest = rest.subarray(size)
    }
    this.#unread = rest
    return pieces
  }

  #head(bytes: Buffer): RequestPiece {
    const { startLine, fields } = parseHead(bytes.toString('latin1'))
    const upgrade = fields.get('upgrade')?.toLowerCase() === 'websocket'
    const stream = fields.get('accept')?.includes('text/event-stream') ?? false
    // After an upgrade no request follows; a chunked request body (no browser sends one over HTTP/1.1) is not followed either.
    const endless = upgrade || fields.has('transfer-encoding')
    this.#bodyLeft = endless ? Number.POSITIVE_INFINITY : Number(fields.get('content-length') ?? 0)
    return {
      type: 'head',
      bytes,
      kind: upgrade ? 'websocket' : stream ? 'event-stream' : 'other',
      path: startLine.split(' ')[1] ?? '',
    }
  }
}

/** Follows one answer: when its head has passed, with which status, and when it has ended. */
export class ResponseReader {
  #head = ''
  #tail = ''
  #bodyLeft = Number.POSITIVE_INFINITY
  status: number | undefined

  /** Whether every byte of the answer has been fed. An answer without a length ends with the connection only. */
  get ended(): boolean {
    return this.status !== undefined && (this.#bodyLeft <= 0 || this.#tail === LAST_CHUNK)
  }

  /** Returns how many bytes of this chunk belong to the head. */
  feed(chunk: Buffer): number {
    const text = chunk.toString('latin1')
    this.#tail = (this.#tail + text.slice(-LAST_CHUNK.length)).slice(-LAST_CHUNK.length)
    if (this.status !== undefined) {
      this.#bodyLeft -= chunk.length
      return 0
    }
    const before = this.#head.length
    this.#head += text
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) return chunk.length
    const size = end + HEAD_END.length
    const { startLine, fields } = parseHead(this.#head.slice(0, size))
    this.status = Number(startLine.split(' ')[1])
    const bodiless = this.status === 204 || this.status === 304
    const length = bodiless ? '0' : fields.get('content-length')
    if (length !== undefined) this.#bodyLeft = Number(length) - (this.#head.length - size)
    this.#head = ''
    return size - before
  }
}

function parseHead(head: string): { startLine: string; fields: Map<string, string> } {
  const [startLine = '', ...lines] = head.trimEnd().split('\r\n')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { startLine, fields: new Map(fields) }
}
