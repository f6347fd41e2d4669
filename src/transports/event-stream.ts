import { eachPiece } from './body.ts'
import { Failure } from './failure.ts'

/** No event of a sane server is longer, in characters; beyond, the stream counts as broken. */
export const maxEventLength = 2 ** 26

/** Who is told what is in an event stream, in its order. */
export interface EventStreamListener {
  /** A block with data. `id` and `name` are `undefined` where the block has none of its own. */
  onEvent(event: { readonly id: string | undefined; readonly name: string | undefined; readonly data: string }): void
  /** A block without data and with an id: no event, but it moves the place to go on from. */
  onId?(id: string): void
  /** The server says how long to wait before the next connection. */
  onRetry?(ms: number): void
  onComment?(): void
}

/**
 * Reads the text of an event stream as it comes (HTML, "Interpreting an event stream"). Unlike an `EventSource` it tells of comments, and
 * of ids without data, and knows whether the stream ended between two events. Time and memory grow with the text, however it is cut.
 */
export class EventStream {
  readonly #listener: EventStreamListener
  /** The line that has not ended yet. Not searched again when more of it comes, so that a long line costs no more than its length. */
  #line = ''
  /** Whether the last line that has ended ends a block, or is a comment. */
  #isBetween = true
  #endsWithReturn = false
  #id: string | undefined
  #name: string | undefined
  #data: string | undefined

  constructor(listener: EventStreamListener) {
    this.#listener = listener
  }

  /** Whether an end at this place would be one within an event. */
  get isCutOff(): boolean {
    return this.#line !== '' || !this.#isBetween
  }

  /** @throws Failure where an event is too long, and whatever the listener throws */
  take(chunk: string): void {
    // A line's end may come in two chunks.
    const rest = this.#endsWithReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk
    if (chunk) this.#endsWithReturn = chunk.endsWith('\r')
    const text = rest.includes('\r') ? rest.replace(/\r\n?/g, '\n') : rest
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = this.#line + text.slice(start, end)
      this.#line = ''
      start = end + 1
      this.#takeLine(line)
    }
    this.#line += text.slice(start)
    if (this.#line.length + (this.#data?.length ?? 0) > maxEventLength) throw new Failure({ kind: 'oversized' })
  }

  #takeLine(line: string): void {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    this.#isBetween = field === ''
    switch (field) {
      case '':
        if (line) this.#listener.onComment?.()
        else this.#endBlock()
        break
      case 'data':
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
        break
      case 'event':
        this.#name = value || undefined
        break
      case 'id':
        if (!value.includes('\0')) this.#id = value
        break
      case 'retry':
        if (/^\d+$/.test(value)) this.#listener.onRetry?.(Number(value))
    }
  }

  #endBlock(): void {
    const [id, name, data] = [this.#id, this.#name, this.#data]
    this.#id = this.#name = this.#data = undefined
    if (data !== undefined) this.#listener.onEvent({ id, name, data })
    else if (id !== undefined) this.#listener.onId?.(id)
  }
}

/**
 * Reads a body as it comes, until its end or until nobody wants it any more; `onPiece` is called before what a piece brings is told.
 * @throws Failure where it breaks off, also where a browser makes an end in order of that
 */
export async function readEventStream(
  body: NonNullable<Response['body']>,
  signal: AbortSignal,
  stream: EventStream,
  onPiece: () => void,
): Promise<void> {
  const decoder = new TextDecoder()
  await eachPiece(body, signal, (piece) => {
    onPiece()
    stream.take(decoder.decode(piece, { stream: true }))
  })
  if (!signal.aborted && stream.isCutOff) throw new Failure({ kind: 'ended', isCutOff: true })
}
