import type { Answer, Protocol, Received } from '../api/protocol.ts'
import { byteString, essenceOf, isFieldValue } from '../util/http-fields.ts'

/** What may differ between servers that have never heard of us. */
export interface PlainSettings {
  /** The query parameter that carries the cursor. @defaultValue 'last_event_id' */
  readonly cursorParameter?: string
  /**
   * Where a poll's answer carries the cursor: the name of a header, or a function.
   * @defaultValue `Last-Modified` and `ETag` together, as nchan gives them; `ETag` alone where there is no date
   */
  readonly cursorFrom?: string | ((answer: Answer) => string | null | undefined)
}

/** The protocol of no protocol: every frame is a message, an event stream means what WHATWG says, an answer's body is a message. */
export function plain({ cursorParameter = 'last_event_id', cursorFrom = validators }: PlainSettings = {}): Protocol {
  const cursorOf = typeof cursorFrom === 'string' ? ({ headers }: Answer) => headers.get(cursorFrom) : cursorFrom
  return {
    name: 'plain',
    resumes: (transport) => transport !== 'websocket',
    ask({ transport, cursor, isSameOrigin }) {
      // RFC 7240 §4.3: what tells a poll from a long-poll at the same URL. Across origins it would cost a preflight.
      const headers = transport === 'poll' && isSameOrigin ? { headers: { Prefer: 'wait=0' } } : {}
      if (!cursor || transport === 'websocket') return headers
      // What a native EventSource sends: UTF-8. Not every id fits into a header.
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

/** nchan's message id is `<seconds>:<number in that second>`, and it takes one apart into these two headers. */
function validators({ status, headers }: Answer): string | null {
  const tag = headers.get('etag')
  const seconds = Date.parse(headers.get('last-modified') ?? '') / 1000
  if (tag && seconds) return `${seconds}:${tag}`
  // Its empty answers carry only one of the two, which is no cursor.
  return status === 200 ? tag : null
}
