import { describe, expect, it } from 'vitest'
import type { Answer, Payload } from '../../src/api/protocol.ts'
import { json } from '../../src/client/json.ts'
import { betterSse, nchan, plain } from '../../src/protocols/index.ts'

const date = 'Tue, 10 Jun 2025 12:00:00 GMT'
const seconds = Date.parse(date) / 1000
const url = new URL('https://api.example/realtime')

function answer(body: Payload, headers: Record<string, string> = {}, status = 200): Answer {
  return { status, headers: new Headers(headers), body }
}
const bytes = (text: string): ArrayBuffer => new TextEncoder().encode(text).slice().buffer

describe('plain()', () => {
  const protocol = plain()
  const ask = (transport: string, cursor: string | null, isSameOrigin: boolean) =>
    protocol.ask({ url, transport, cursor, isSameOrigin })

  it.each([
    ['nothing without a cursor', 'sse', null, true, {}],
    ['the Last-Event-ID header on the same origin', 'sse', '7', true, { headers: { 'Last-Event-ID': '7' } }],
    ['a query parameter across origins, which needs no preflight', 'sse', '7', false, { query: { last_event_id: '7' } }],
    ['a query parameter for every long-poll', 'long-poll', '7', true, { query: { last_event_id: '7' } }],
    ['a query parameter for a poll across origins', 'poll', '7', false, { query: { last_event_id: '7' } }],
    ['the header Prefer for a poll on the same origin', 'poll', null, true, { headers: { Prefer: 'wait=0' } }],
    ['both for a poll with a cursor', 'poll', '7', true, { headers: { Prefer: 'wait=0' }, query: { last_event_id: '7' } }],
    ['nothing for a poll across origins without a cursor', 'poll', null, false, {}],
    ['nothing for a WebSocket, and no subprotocol', 'websocket', '7', true, {}],
  ])('adds to a request: %s', (_, transport, cursor, isSameOrigin, expected) => {
    expect(ask(transport, cursor, isSameOrigin)).toEqual(expected)
  })

  it('can have another name for the cursor parameter', () => {
    expect(plain({ cursorParameter: 'since' }).ask({ url, transport: 'long-poll', cursor: '7', isSameOrigin: true })).toEqual({
      query: { since: '7' },
    })
  })

  it('resumes over all transports but WebSocket', () => {
    expect(['websocket', 'sse', 'long-poll', 'poll'].map((transport) => protocol.resumes(transport))).toEqual([
      false,
      true,
      true,
      true,
    ])
  })

  it('reads each frame as a message, and each event as in the HTML Standard', () => {
    const data = new ArrayBuffer(2)
    expect(protocol.readFrame(data)).toEqual([{ data }])
    expect(protocol.readEvent({ id: '7', name: 'news', data: 'x' })).toEqual([{ data: 'x', id: '7', name: 'news', cursor: '7' }])
  })

  it.each<[string, Answer, unknown[], string | undefined]>([
    ['a body is a message', answer('x'), [{ data: 'x', id: undefined }], undefined],
    ['no body is no message', answer(''), [], undefined],
    ['a status other than 200 is no message', answer('gone', {}, 408), [], undefined],
    ['an ETag is the cursor', answer('x', { etag: '"a"' }), [{ data: 'x', id: '"a"', cursor: '"a"' }], '"a"'],
    [
      'Last-Modified and ETag together are the cursor',
      answer('x', { etag: '3', 'last-modified': date }),
      [{ data: 'x', id: `${seconds}:3`, cursor: `${seconds}:3` }],
      `${seconds}:3`,
    ],
    ['Last-Modified alone is none', answer('x', { 'last-modified': date }), [{ data: 'x', id: undefined }], undefined],
    [
      'an invalid Last-Modified is ignored',
      answer('x', { etag: '3', 'last-modified': 'soon' }),
      [{ data: 'x', id: '3', cursor: '3' }],
      '3',
    ],
    ['an empty answer keeps the cursor', answer('', { etag: '3' }, 304), [], undefined],
    [
      'each line of NDJSON is a message',
      answer('{"a":1}\n\n{"a":2}\r\n', { 'content-type': 'application/x-ndjson; charset=utf-8' }),
      [{ data: '{"a":1}' }, { data: '{"a":2}' }],
      undefined,
    ],
  ])('reads the answer to a poll: %s', (_, given, messages, cursor) => {
    const read = protocol.readAnswer(given)
    expect(read.messages).toEqual(messages)
    expect(read.cursor).toBe(cursor)
  })

  it('reads a binary answer to a poll as one message, unchanged', () => {
    const body = bytes('ab')
    expect(protocol.readAnswer(answer(body, { 'content-type': 'application/x-ndjson' })).messages).toEqual([
      { data: body, id: undefined },
    ])
  })

  it('reads the cursor of an answer from another header, or with a function', () => {
    expect(plain({ cursorFrom: 'x-next' }).readAnswer(answer('', { 'x-next': '9' }, 204)).cursor).toBe('9')
    expect(plain({ cursorFrom: 'x-next' }).readAnswer(answer('')).cursor).toBeUndefined()
    const cursorFrom = ({ body }: Answer) => (typeof body === 'string' && body ? JSON.parse(body).next : null)
    expect(plain({ cursorFrom }).readAnswer(answer('{"next":"5"}')).cursor).toBe('5')
    expect(plain({ cursorFrom }).readAnswer(answer('')).cursor).toBeUndefined()
  })
})

describe('better-sse', () => {
  it('has its own name for the cursor parameter across origins', () => {
    const protocol = betterSse()
    expect(protocol.name).toBe('better-sse')
    expect(protocol.ask({ url, transport: 'sse', cursor: '7', isSameOrigin: false })).toEqual({ query: { lastEventId: '7' } })
    expect(protocol.ask({ url, transport: 'sse', cursor: '7', isSameOrigin: true })).toEqual({
      headers: { 'Last-Event-ID': '7' },
    })
  })
})

describe('nchan', () => {
  const protocol = nchan()
  const subprotocols = ['ws+meta.nchan']

  it.each([
    ['websocket', null, { query: {}, subprotocols }],
    ['websocket', '5:0', { query: { last_event_id: '5:0' }, subprotocols }],
    ['sse', '5:0', { query: { last_event_id: '5:0' }, subprotocols }],
    ['poll', '5:0', { query: { last_event_id: '5:0', mode: 'poll' }, subprotocols }],
    ['poll', null, { query: { mode: 'poll' }, subprotocols }],
  ])('adds to a request over %s from the cursor %j: %j', (transport, cursor, expected) => {
    expect(protocol.ask({ url, transport, cursor, isSameOrigin: true })).toEqual(expected)
  })

  it('resumes over all transports', () => {
    expect(['websocket', 'sse', 'long-poll', 'poll'].every((transport) => protocol.resumes(transport))).toBe(true)
  })

  it('marks a poll with the query of its settings', () => {
    expect(nchan({ pollQuery: { p: '1' } }).ask({ url, transport: 'poll', cursor: null, isSameOrigin: true }).query).toEqual({
      p: '1',
    })
  })

  it.each([
    ['id and body', 'id: 5:0\n\nhello', 'hello', '5:0'],
    ['a content type between them', 'id: 5:0\ncontent-type: text/plain\n\nhello', 'hello', '5:0'],
    ['a body of several lines', 'id: 5:0\n\na\n\nb', 'a\n\nb', '5:0'],
    ['one without a head, which is a message as it is', 'hello\n\nid: 5:0', 'hello\n\nid: 5:0', undefined],
    ['an empty body', 'id: 5:0\n\n', '', '5:0'],
  ])('reads a frame: %s', (_, frame, data, id) => {
    expect(protocol.readFrame(frame)).toEqual([{ data, id, cursor: id }])
    expect(protocol.readFrame(bytes(frame))).toEqual([{ data: bytes(data), id, cursor: id }])
  })

  it('does not change the body of a binary frame that is no text', () => {
    const head = [...new TextEncoder().encode('id: 5:0\n\n')]
    const body = [0, 255, 200, 10, 10]
    expect(protocol.readFrame(new Uint8Array([...head, ...body]).buffer)).toEqual([
      { data: new Uint8Array(body).buffer, id: '5:0', cursor: '5:0' },
    ])
    const large = new Uint8Array(5000).fill(255)
    expect(protocol.readFrame(new Uint8Array([...head, ...large]).buffer)[0]?.data).toEqual(large.buffer)
  })
})

describe('json()', () => {
  const codec = json<{ readonly a: number }, readonly number[]>()

  it('encodes to text, and decodes text and bytes', () => {
    expect(codec.encode([1, 2])).toBe('[1,2]')
    expect(codec.decode('{"a":1}')).toEqual({ a: 1 })
    expect(codec.decode(bytes('{"a":1}'))).toEqual({ a: 1 })
  })

  it('throws a SyntaxError for invalid JSON', () => {
    expect(() => codec.decode('<html>')).toThrow(SyntaxError)
  })
})
