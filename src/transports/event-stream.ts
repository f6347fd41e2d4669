import { eachPiece } from './body.ts'
import { Failure } from './failure.ts'

/** The longest event, in characters; a longer one fails the stream. */
export const maxEventLength = 2 ** 26

/** The callbacks for the contents of an event stream, called in order. */
export interface EventStreamListener {
  /** A block with data. `id` and `name` are `undefined` if the block itself has none. */
  onEvent(event: { readonly id: string | undefined; readonly name: string | undefined; readonly data: string }): void
  /** A block with an id and no data: not an event, but it moves the cursor. */
  onId?(id: string): void
  /** The server's reconnection time (`retry:`), in milliseconds. */
  onRetry?(ms: number): void
  onComment?(): void
}

/**
 * Parses an event stream incrementally (HTML, "Interpreting an event stream"). Unlike `EventSource` it reports comments and ids
 * without data, and whether the stream ended between two events. Time and memory are linear in the text, however it is chunked.
 */
export class EventStream {
  readonly #listener: EventStreamListener
  /** The incomplete last line. It is not searched again when more of it arrives, so that the cost of a long line is linear. */
  #line = ''
  /** Whether the last complete line ended a block, or was a comment. */
  #isBetween = true
  #endsWithReturn = false
  #id: string | undefined
  #name: string | undefined
  #data: string | undefined

  constructor(listener: EventStreamListener) {
    this.#listener = listener
  }

  /** Whether the stream, if it ended here, would end within an event. */
  get isCutOff(): boolean {
    return this.#line !== '' || !this.#isBetween
  }

  /** @throws Failure if an event is too long, and whatever the listener throws */
  take(chunk: string): void {
    // A CRLF may be split over two chunks.
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
 * Reads a body until its end or until the signal is aborted; calls `onPiece` for each chunk, before the events in it.
 * @throws Failure if it breaks off, also if the browser reports that as a proper end
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
