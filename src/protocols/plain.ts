import type { Answer, Protocol, Received } from '../api/protocol.ts'
import { mustBeOptions } from '../util/check-options.ts'
import { byteString, dateOf, essenceOf, isFieldValue } from '../util/http-fields.ts'

/** The settings in which servers without the server half may differ. */
export interface PlainSettings {
  /** The query parameter that carries the cursor. @defaultValue 'last_event_id' */
  readonly cursorParameter?: string
  /**
   * The cursor of a poll's response: the name of a header, or a function.
   * @defaultValue `Last-Modified` and `ETag` together, as nchan sends them; `ETag` alone if there is no date
   */
  readonly cursorFrom?: string | ((answer: Answer) => string | null | undefined)
}

/**
 * For any server: a frame is a message, an event stream is read as WHATWG specifies, and a response's body is a message.
 *
 * @throws TypeError for settings that are not an object, or an unknown one
 */
export function plain(settings: PlainSettings = {}): Protocol {
  mustBeOptions('plain()', settings, ['cursorParameter', 'cursorFrom'])
  return plainProtocol(settings)
}

/** `plain()` with settings that are known to be valid, so that code with a protocol of its own does not load their checks. */
export function plainProtocol({ cursorParameter = 'last_event_id', cursorFrom = validators }: PlainSettings = {}): Protocol {
  const cursorOf = typeof cursorFrom === 'string' ? ({ headers }: Answer) => headers.get(cursorFrom) : cursorFrom
  return {
    name: 'plain',
    resumes: (transport) => transport !== 'websocket',
    ask({ transport, cursor, isSameOrigin }) {
      // RFC 7240 §4.3: tells a poll from a long-poll at the same URL. Across origins it would require a preflight.
      const headers = transport === 'poll' && isSameOrigin ? { headers: { Prefer: 'wait=0' } } : {}
      if (!cursor || transport === 'websocket') return headers
      // UTF-8, as a native EventSource sends it. Not every id fits into a header.
      const bytes = byteString(cursor)
      if (transport === 'sse' && isSameOrigin && isFieldValue(bytes) && cursor.trim() === cursor)
        return { headers: { 'Last-Event-ID': bytes } }
      return { ...headers, query: { [cursorParameter]: cursor } }
    },
    readFrame: (frame) => [{ data: frame }],
    readEvent: ({ id, name, data }) => [{ data, id, name, cursor: id }],
    readAnswer(answer) {
      const cursor = cursorOf(answer) ?? undefined
      return { messages: messagesOf(answer, cursor), cursor }
    },
  }
}

function messagesOf({ status, headers, body }: Answer, id: string | undefined): Received[] {
  if (status !== 200 || body === '') return []
  if (typeof body !== 'string' || essenceOf(headers.get('content-type') ?? '') !== 'application/x-ndjson')
    return [{ data: body, id, cursor: id }]
  return body
    .split(/\r?\n/)
    .filter((line) => line.trim())
    .map((data) => ({ data }))
}

/** nchan's message id is `<seconds>:<number in that second>`; nchan splits it into these two headers. */
function validators({ status, headers }: Answer): string | null {
  const tag = headers.get('etag')
  const seconds = dateOf(headers.get('last-modified')) / 1000
  if (tag && seconds) return `${seconds}:${tag}`
  // nchan's empty responses carry only one of the two, which is not a cursor.
  return status === 200 ? tag : null
}
