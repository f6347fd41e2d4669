import type { Dialect, Payload, Protocol, Received } from '../api/protocol.ts'
import { StopConnecting } from '../connection/stop-connecting.ts'
import { essenceOf } from '../util/http-fields.ts'
import { textOf } from '../wire/readers.ts'
import { checkSettings, isRecord, isText } from './checks.ts'

export interface DurableStreamsSettings {
  /**
   * The content type with which the stream was created. With `application/json`, each value is a message, as JSON text; with
   * `text/*`, each chunk of text; with any other type, each chunk of bytes. @defaultValue 'application/json'
   */
  readonly contentType?: string
  /**
   * Where the first connection begins: `'-1'` for the beginning of the stream, `'now'` for its end, an offset from the server, or
   * the `id` of a message, to continue after that message. @defaultValue '-1'
   */
  readonly offset?: string
}

/** How far a stream was read: the server's offset, the units read before it, and the units that the application has received. */
interface Place {
  readonly offset: string
  readonly before: number
  readonly had: number
  /** The server's `Stream-Cursor`, which is sent back so that caches move on (§10.1). */
  readonly cacheCursor: string
}

/**
 * A stream of the Durable Streams protocol: catch-up from any offset, then live over SSE or long-poll, appends by POST. Over
 * poll, the server answers at once. There is no WebSocket, so give `transports: ['sse', 'long-poll']`. The end of a closed stream
 * closes the client, with the cause `client.stopped`.
 *
 * The server sends an offset only after what may be many messages. So the cursor also counts the units read since (values, or
 * units of text or bytes), and those received before a connection broke are skipped after it. Nothing is lost, and nothing is
 * delivered twice.
 *
 * @throws TypeError for an invalid setting
 */
export function durableStreams(settings: DurableStreamsSettings = {}): Protocol {
  checkSettings('durableStreams()', settings, {
    contentType: [isText, "a content type, such as 'application/json'"],
    offset: [isText, "'-1', 'now', an offset of the server, or the id of a message"],
  })
  const { contentType = 'application/json', offset = '-1' } = settings
  const dialect = (cursor: () => string | null) => attachment(contentType, offset, cursor)
  return { ...dialect(() => null), name: 'durable-streams', resumes: (transport) => transport !== 'websocket', dialect }
}

function attachment(contentType: string, start: string, cursor: () => string | null): Dialect {
  const piecesOf = readerOf(essenceOf(contentType))
  let place = placeOf(start)
  let read = place.before

  return {
    ask({ transport, cursor: from }) {
      place = placeOf(from ?? start)
      read = place.before
      const { offset, cacheCursor } = place
      const live = { sse: 'sse', 'long-poll': 'long-poll' }[transport]
      // In alphabetical order, as recommended for caches (§10.1).
      return { query: { ...(cacheCursor && { cursor: cacheCursor }), ...(live && { live }), offset } }
    },
    readFrame: () => [],
    readEvent({ name, data }) {
      if (name === 'data') return take(piecesOf(data, true))
      if (name !== 'control') return []
      const control: unknown = JSON.parse(data)
      const { streamNextOffset, streamCursor, streamClosed } = isRecord(control) ? control : {}
      if (streamClosed === true) throw closed()
      return [{ cursor: moveTo(textOf(streamNextOffset), isText(streamCursor) ? streamCursor : null) }]
    },
    readAnswer({ status, headers, body }) {
      const next = headers.get('stream-next-offset')
      if (next === null && status > 204) return { messages: [] }
      if (next === null) throw new TypeError('the answer has no Stream-Next-Offset, or one that CORS does not let this page read')
      const messages = status === 200 && body !== '' ? take(piecesOf(body, false)) : []
      if (headers.get('stream-closed') === 'true' && !messages.length) throw closed()
      return { messages, cursor: moveTo(next, headers.get('stream-cursor')) }
    },
    // In a list of one, since the server stores the values of a list one by one (§9.1.2), and the message itself may be a list.
    body: (message) => new Blob(isJson(contentType) ? ['[', message, ']'] : [message], { type: contentType }),
  }

  /** The messages that the application has not received yet. */
  function take(pieces: readonly Piece[]): Received[] {
    const { had } = placeOf(cursor() ?? start)
    const messages: Received[] = []
    for (const { data, units } of pieces) {
      const before = read
      read += units
      if (read <= had) continue
      const here = written({ ...place, had: read })
      messages.push({ data: had > before ? behind(data, had - before) : data, id: here, cursor: here })
    }
    return messages
  }

  function moveTo(offset: string, cacheCursor: string | null): string {
    const { had } = placeOf(cursor() ?? start)
    place = { offset, before: read, had: Math.max(read, had), cacheCursor: cacheCursor ?? place.cacheCursor }
    return written(place)
  }
}

function closed(): StopConnecting {
  return new StopConnecting('the stream is closed, and all of it was read')
}

/** Writes a cursor. An offset has no `&` (§8), so the two can be told apart. */
function written({ offset, before, had, cacheCursor }: Place): string {
  return [offset, before, had, cacheCursor].join('&')
}

function placeOf(cursor: string): Place {
  const [, offset = cursor, before = 0, had = 0, cacheCursor = ''] = /^([^&]*)&(\d+)&(\d+)&(.*)$/s.exec(cursor) ?? []
  return { offset, before: Number(before), had: Number(had), cacheCursor }
}

function isJson(contentType: string): boolean {
  return essenceOf(contentType) === 'application/json'
}

/** The data of one message, and the number of units of the stream that it takes. */
interface Piece {
  readonly data: Payload
  readonly units: number
}

/** How a stream of that type is split into messages; `isEvent`: it comes from an event stream, where bytes are base64 (§5.8). */
function readerOf(type: string): (body: Payload, isEvent: boolean) => readonly Piece[] {
  if (isJson(type)) {
    return (body) => {
      const values: unknown = JSON.parse(String(body))
      if (!Array.isArray(values)) throw new TypeError('the server sent JSON that is not a list of messages')
      return values.map((value) => ({ data: JSON.stringify(value), units: 1 }))
    }
  }
  if (type.startsWith('text/')) return (body) => [{ data: body, units: typeof body === 'string' ? unified(body).length : 0 }]
  return (body, isEvent) => {
    const data = typeof body !== 'string' ? body : isEvent ? bytesOf(body) : new TextEncoder().encode(body).slice().buffer
    return [{ data, units: data.byteLength }]
  }
}

/** The rest of a chunk whose beginning the application has received. */
function behind(data: Payload, units: number): Payload {
  return typeof data === 'string' ? unified(data).slice(units) : data.slice(units)
}

/** An event stream turns each kind of line ending into `\n`, so text is counted with each line ending as one character. */
function unified(text: string): string {
  return text.replace(/\r\n?/g, '\n')
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer
}
