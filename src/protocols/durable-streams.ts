import type { Dialect, Moved, Payload, Protocol, Received } from '../api/protocol.ts'
import { StopConnecting } from '../connection/stop-connecting.ts'
import { essenceOf } from '../util/http-fields.ts'
import { isBlob } from '../util/type-tags.ts'
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
  const kind = kindOf(essenceOf(contentType))
  const piecesOf = readers[kind]
  let place = placeOf(start)
  let read = place.before

  return {
    ask({ transport, cursor: from }) {
      place = placeOf(from ?? start)
      const { offset, before, had, cacheCursor } = place
      // The end of the stream is another one each time, so nothing comes again.
      read = offset === 'now' ? had : before
      // A long-poll from the end would not tell the offset before the first message; if it broke, messages would be lost.
      const live = { sse: 'sse', ...(offset !== 'now' && { 'long-poll': 'long-poll' }) }[transport]
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
      if (!isText(streamNextOffset)) throw new TypeError('a control event has no streamNextOffset')
      return [moveTo(streamNextOffset, isText(streamCursor) ? streamCursor : null)]
    },
    readAnswer({ status, headers, body }) {
      const next = headers.get('stream-next-offset')
      if (!next && status > 204) return { messages: [] }
      if (!next) throw new TypeError('the answer has no Stream-Next-Offset, or one that CORS does not let this page read')
      const type = essenceOf(headers.get('content-type') ?? '')
      const hasBody = status === 200 && body !== ''
      if (hasBody && type && kindOf(type) !== kind)
        throw new TypeError(`the stream is of type ${type}, and durableStreams() was given '${contentType}' as its contentType`)
      const messages = hasBody ? take(piecesOf(body, false)) : []
      if (headers.get('stream-closed') === 'true' && !messages.length) throw closed()
      const moved = moveTo(next, headers.get('stream-cursor'))
      return { messages: [...messages, ...(moved.gap ? [moved] : [])], cursor: moved.cursor }
    },
    // In a list of one, since the server stores the values of a list one by one (§9.1.2), and the message itself may be a list.
    body: (message) => new Blob(kind === 'json' ? ['[', jsonIn(message), ']'] : [message], { type: contentType }),
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

  function moveTo(offset: string, cacheCursor: string | null): Moved {
    const { had } = placeOf(cursor() ?? start)
    const hasData = read > place.before
    if (hasData && offset === place.offset) throw new TypeError('the server sent data without a new offset')
    // Offsets sort as texts in the order of the stream (§8), so a server that goes back has lost the end of its data.
    const isLost = !hasData && offset < place.offset && !['-1', 'now'].includes(place.offset)
    // What is lost cannot come again, so there is nothing to skip.
    if (isLost) read = Math.max(read, had)
    place = { offset, before: read, had: Math.max(read, had), cacheCursor: cacheCursor ?? place.cacheCursor }
    return { cursor: written(place), ...(isLost && { gap: { topic: '', after: null, resumesAt: null } }) }
  }
}

/** @throws TypeError for a message that is not one JSON value: the server would refuse it, or store `1,2` as two messages */
function jsonIn(message: Payload | Blob): Payload | Blob {
  // A Blob cannot be read at once.
  if (isBlob(message)) return message
  try {
    JSON.parse(typeof message === 'string' ? message : new TextDecoder().decode(message))
    return message
  } catch {
    throw new TypeError('durableStreams(): a message must be JSON, as with the option codec: json()')
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

/** How a stream is split into messages. */
type Kind = 'json' | 'text' | 'bytes'

function kindOf(type: string): Kind {
  return type === 'application/json' ? 'json' : type.startsWith('text/') ? 'text' : 'bytes'
}

/** The data of one message, and the number of units of the stream that it takes. */
interface Piece {
  readonly data: Payload
  readonly units: number
}

/** The readers of each kind; `isEvent`: the body comes from an event stream, where bytes are base64 (§5.8). */
const readers: Readonly<Record<Kind, (body: Payload, isEvent: boolean) => readonly Piece[]>> = {
  json(body) {
    const values: unknown = JSON.parse(String(body))
    if (!Array.isArray(values)) throw new TypeError('the server sent JSON that is not a list of messages')
    return values.map((value) => ({ data: JSON.stringify(value), units: 1 }))
  },
  text: (body) => [{ data: body, units: typeof body === 'string' ? unified(body).length : 0 }],
  bytes(body, isEvent) {
    const data = typeof body !== 'string' ? body : isEvent ? bytesOf(body) : new TextEncoder().encode(body).slice().buffer
    return [{ data, units: data.byteLength }]
  },
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
