import { describe, expect, it } from 'vitest'
import type { Dialect, Protocol, Received } from '../../src/api/protocol.ts'
import { centrifugo, durableStreams, mercure, nchan, plain } from '../../src/protocols/index.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const url = new URL('https://api.example/stream')
const seed = seedOf(process.env)

/** Collects what an application receives over a series of attachments, and the cursor. */
function reader(protocol: Protocol) {
  let cursor: string | null = null
  const had: Received[] = []
  return {
    had,
    cursor: () => cursor,
    attach(transport: string): { readonly dialect: Dialect; readonly query: Readonly<Record<string, unknown>> } {
      const dialect = protocol.dialect?.(() => cursor) ?? protocol
      return { dialect, query: dialect.ask({ url, transport, cursor, isSameOrigin: true }).query ?? {} }
    },
    /** Takes only the first `most` messages, like a client whose connection breaks after them. */
    take(read: ReturnType<Dialect['readEvent']>, most = Infinity) {
      for (const each of read.slice(0, most)) {
        if (each.data !== undefined) had.push(each)
        if (each.cursor !== undefined) cursor = each.cursor
      }
    },
  }
}

describe('the settings of a protocol', () => {
  it.each<[string, () => unknown, string]>([
    ['no object', () => mercure('books' as never), "mercure() takes an object of settings; it was given 'books'."],
    [
      'an unknown name',
      () => mercure({ topic: ['x'] } as never),
      "mercure(): unknown option 'topic'; did you mean 'topics'? There are topics, lastEventId, publish; it was a list of something else.",
    ],
    ['no list', () => mercure({ topics: 'x' as never }), "mercure(): topics must be a list of at least one topic; it was 'x'."],
    [
      'an empty list',
      () => mercure({ topics: [] }),
      'mercure(): topics must be a list of at least one topic; it was a list of something else.',
    ],
    [
      'an update without a topic',
      () => mercure({ publish: {} as never }),
      "mercure(): publish must be an update with a topic, such as { topic: 'https://example.com/books/1' }, or a function that returns one; it was of type object.",
    ],
    [
      'a misspelt field of an update',
      () => mercure({ publish: { topic: 'a', privat: true } as never }),
      "mercure(): publish: unknown option 'privat'; did you mean 'private'? There are topic, data, private, id, type, retryMs; it was of type boolean.",
    ],
    [
      'a string in place of a boolean in an update',
      () => mercure({ publish: { topic: 'a', private: 'no' } as never }),
      "mercure(): publish: private must be true or false; it was 'no'.",
    ],
    [
      'a fraction as retryMs of an update',
      () => mercure({ publish: { topic: 'a', retryMs: 0.5 } }),
      'mercure(): publish: retryMs must be a whole number of milliseconds; it was of type number.',
    ],
    [
      'an empty content type',
      () => durableStreams({ contentType: '' }),
      "durableStreams(): contentType must be a content type, such as 'application/json'; it was ''.",
    ],
    [
      'a number as offset',
      () => durableStreams({ offset: -1 as never }),
      "durableStreams(): offset must be '-1', 'now', an offset of the server, or the id of a message; it was of type number.",
    ],
    [
      'a misspelt setting of nchan()',
      () => nchan({ pollquery: {} } as never),
      "nchan(): unknown option 'pollquery'; did you mean 'pollQuery'? There is pollQuery; it was of type object.",
    ],
    [
      'a number in a query of nchan()',
      () => nchan({ pollQuery: { wait: 0 } as never }),
      "nchan(): pollQuery must be query parameters with strings, such as { mode: 'poll' }; it was of type object.",
    ],
    [
      'a misspelt setting of plain()',
      () => plain({ cursorParam: 'since' } as never),
      "RealtimeClient: unknown option 'plain().cursorParam'; did you mean 'plain().cursorParameter'? There are cursorParameter, cursorFrom; it was 'since'.",
    ],
    [
      'a text in place of the settings of plain()',
      () => plain('since' as never),
      "RealtimeClient: the options of plain() must be an object of cursorParameter and cursorFrom; it was 'since'.",
    ],
    [
      'a channel that is no string',
      () => centrifugo({ channels: [7] as never }),
      'centrifugo(): channels must be a list of at least one channel; it was a list of something else.',
    ],
    [
      'a string in place of a boolean',
      () => centrifugo({ recovery: 'yes' as never }),
      "centrifugo(): recovery must be true or false; it was 'yes'.",
    ],
  ])('are refused with a TypeError: %s', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })

  it('an update that publish() returns must have a topic', () => {
    expect(() => mercure({ publish: () => ({}) as never }).body?.('x')).toThrow('publish() must return an update with a topic')
  })

  it.each(['1,2', 'hello', ''])('a message for a stream of JSON must be one JSON value: %j', (message) => {
    expect(() => durableStreams().body?.(message)).toThrow(
      'durableStreams(): a message must be JSON, as with the option codec: json()',
    )
    expect(durableStreams({ contentType: 'text/plain' }).body?.(message)).toBeInstanceOf(Blob)
  })

  it('an update that publish() returns with a misspelt field is not published', () => {
    const { body } = mercure({ publish: () => ({ topic: 'a', Private: true }) as never })
    expect(() => body?.('x')).toThrow("mercure(): publish: unknown option 'Private'; did you mean 'private'?")
  })
})

describe('Mercure', () => {
  it('adds the topics and the last event id to the request, and resumes only over SSE', () => {
    const { ask, resumes } = mercure({ topics: ['a', 'b'] })
    const question = { url, transport: 'sse', cursor: 'urn:1' }
    expect(ask({ ...question, cursor: null, isSameOrigin: true })).toEqual({ query: { topic: ['a', 'b'] } })
    expect(ask({ ...question, isSameOrigin: false })).toEqual({ query: { topic: ['a', 'b'], lastEventID: 'urn:1' } })
    expect(ask({ ...question, isSameOrigin: true })).toEqual({
      query: { topic: ['a', 'b'] },
      headers: { 'Last-Event-ID': 'urn:1' },
    })
    expect(['websocket', 'sse', 'long-poll', 'poll'].map(resumes)).toEqual([false, true, false, false])
  })

  it('does not change a message that is binary, nor any message without the setting publish', () => {
    expect(mercure({ publish: { topic: 'a' } }).body?.(new ArrayBuffer(1))).toBeUndefined()
    expect(mercure().body?.('x')).toBeUndefined()
  })
})

describe('Durable Streams', () => {
  const control = (offset: string, more = {}) => ({
    id: undefined,
    name: 'control',
    data: JSON.stringify({ streamNextOffset: offset, ...more }),
  })
  const dataOf = (data: string) => ({ id: undefined, name: 'data', data })

  it('reads from the beginning, then from its offset, with the query parameters in alphabetical order', () => {
    const client = reader(durableStreams())
    const { dialect, query } = client.attach('sse')
    expect(query).toEqual({ live: 'sse', offset: '-1' })
    client.take(dialect.readEvent(control('7', { streamCursor: 'c&d' })))
    const again = client.attach('long-poll').query
    expect(Object.entries(again)).toEqual([
      ['cursor', 'c&d'],
      ['live', 'long-poll'],
      ['offset', '7'],
    ])
    expect(client.attach('poll').query).toEqual({ cursor: 'c&d', offset: '7' })
  })

  it('throws for a 200 without Stream-Next-Offset, and ignores the 408 of a proxy', () => {
    const { readAnswer } = durableStreams()
    expect(() => readAnswer({ status: 200, headers: new Headers(), body: '[]' })).toThrow('no Stream-Next-Offset')
    expect(readAnswer({ status: 408, headers: new Headers(), body: '' })).toEqual({ messages: [] })
  })

  const answer = (next: string, body = '', more: Readonly<Record<string, string>> = {}) => ({
    status: 200,
    body,
    headers: new Headers({ 'content-type': 'application/json', 'stream-next-offset': next, ...more }),
  })

  it("asks for the end of the stream without `live` in long-poll, so that the first answer has the offset of 'now'", () => {
    const client = reader(durableStreams({ offset: 'now' }))
    expect(client.attach('sse').query).toEqual({ live: 'sse', offset: 'now' })
    const { dialect, query } = client.attach('long-poll')
    expect(query).toEqual({ offset: 'now' })
    const { cursor } = dialect.readAnswer(answer('7', '[]'))
    client.take([{ cursor: String(cursor) }])
    expect(client.attach('long-poll').query).toEqual({ live: 'long-poll', offset: '7' })
  })

  it("skips nothing after 'now', of which a server has not told the offset", () => {
    const client = reader(durableStreams({ offset: 'now' }))
    for (const value of ['1', '2']) {
      const { dialect } = client.attach('sse')
      client.take(dialect.readEvent(dataOf(`[${value}]`)))
    }
    expect(client.had.map(({ data }) => data)).toEqual(['1', '2'])
  })

  it.each(['', '{"streamNextOffset":""}', '{"streamNextOffset":7}', '{}', 'null'])('throws for the offset of %j', (data) => {
    const dialect = reader(durableStreams()).attach('sse').dialect
    if (data) expect(() => dialect.readEvent({ ...control(''), data })).toThrow('no streamNextOffset')
    else expect(() => dialect.readAnswer(answer('', '[1]'))).toThrow('no Stream-Next-Offset')
  })

  it('throws if data comes without a new offset, and delivers it no more than once', () => {
    const client = reader(durableStreams())
    const first = client.attach('sse').dialect
    client.take(first.readEvent(dataOf('[1]')))
    client.take(first.readEvent(control('7')))
    client.take(first.readEvent(control('7')))
    for (let n = 0; n < 3; n += 1) {
      const { dialect } = client.attach('sse')
      client.take(dialect.readEvent(dataOf('[2]')))
      expect(() => dialect.readEvent(control('7'))).toThrow('data without a new offset')
      const polling = client.attach('long-poll').dialect
      expect(() => polling.readAnswer(answer('7', '[2]'))).toThrow('data without a new offset')
    }
    expect(client.had.map(({ data }) => data)).toEqual(['1', '2'])
    // A server that comes to its senses is read on.
    const { dialect } = client.attach('sse')
    client.take(dialect.readEvent(dataOf('[2,3]')))
    client.take(dialect.readEvent(control('8')))
    expect(client.had.map(({ data }) => data)).toEqual(['1', '2', '3'])
  })

  it('reports a gap if the server is behind the offset, as after the loss of its data, and continues from there', () => {
    const gap = { topic: '', after: null, resumesAt: null }
    for (const type of ['sse', 'long-poll']) {
      const client = reader(durableStreams())
      const first = client.attach('sse').dialect
      client.take(first.readEvent(control('0_9')))
      client.take(first.readEvent(dataOf('[1,2]')))
      const { dialect } = client.attach(type)
      const read = type === 'sse' ? dialect.readEvent(control('0_3')) : dialect.readAnswer(answer('0_3', '[]')).messages
      expect(read).toMatchObject([{ gap }])
      client.take(read)
      const { dialect: next, query } = client.attach(type)
      expect(query['offset']).toBe('0_3')
      client.take(type === 'sse' ? next.readEvent(dataOf('[3]')) : next.readAnswer(answer('0_4', '[3]')).messages)
      expect(client.had.map(({ data }) => data)).toEqual(['1', '2', '3'])
    }
  })

  it('takes data for news, even from a server whose offsets do not sort as texts', () => {
    const client = reader(durableStreams())
    for (const [offset, value] of [
      ['9', '[1]'],
      ['10', '[2]'],
    ] as const) {
      const { messages, cursor } = client.attach('poll').dialect.readAnswer(answer(offset, value))
      client.take([...messages, { cursor: String(cursor) }])
    }
    expect(client.had.map(({ data }) => data)).toEqual(['1', '2'])
  })

  it.each([
    ['application/json', 'text/plain; charset=utf-8', 'text/plain', 'hello'],
    ['text/plain', 'application/json', 'application/json', '["hello"]'],
    ['application/zip', 'Text/Markdown', 'text/markdown', 'hello'],
  ])('throws if a stream of %s turns out to be of %s', (contentType, type, essence, body) => {
    const { dialect } = reader(durableStreams({ contentType })).attach('poll')
    const read = () => dialect.readAnswer(answer('7', body, { 'content-type': type }))
    expect(read).toThrow(`the stream is of type ${essence}, and durableStreams() was given '${contentType}' as its contentType`)
  })

  it(`neither loses nor repeats data, wherever a connection breaks, over one attachment or two, with SEED=${seed}`, () => {
    const random = seeded(seed)
    const upTo = (most: number) => Math.floor(random() * (most + 1))
    for (let run = 0; run < 300; run += 1) {
      const kind = ['json', 'text', 'bytes'][upTo(2)] ?? 'json'
      const contentType = { json: 'application/json', text: 'text/plain', bytes: 'application/octet-stream' }[kind] ?? ''
      const text = Array.from({ length: 60 }, (_, n) => String.fromCharCode(97 + (n % 26))).join('')
      // The server returns the data from an offset up to an end of its choice; its offsets do not show the length of the data.
      const events = (offset: string) => {
        const from = offset === '-1' ? 0 : parseInt(offset.slice(1), 36)
        const to = Math.min(text.length, from + 1 + upTo(8))
        const part = text.slice(from, to)
        const data = { json: JSON.stringify([...part]), text: part, bytes: btoa(part) }[kind] ?? ''
        return [dataOf(data), control(`o${to.toString(36)}`)]
      }
      const client = reader(durableStreams({ contentType }))
      const open = () => {
        const { dialect, query } = client.attach('sse')
        return { dialect, offset: String(query['offset']), queue: [] as ReturnType<typeof events> }
      }
      let lines = [open()]
      for (let step = 0; step < 400 && client.had.length < 400; step += 1) {
        if (random() < 0.2) lines = [open()]
        else if (random() < 0.1) lines = [...lines, open()].slice(-2)
        const line = lines[upTo(lines.length - 1)]
        if (!line || (!line.queue.length && line.offset === `o${text.length.toString(36)}`)) continue
        if (!line.queue.length) line.queue = events(line.offset)
        const event = line.queue.shift()
        if (!event) continue
        const read = line.dialect.readEvent(event)
        if (event.name === 'control') line.offset = JSON.parse(event.data).streamNextOffset
        if (random() < 0.2) {
          client.take(read, upTo(read.length))
          lines = [open()]
        } else client.take(read)
      }
      const had = client.had.map(({ data }) =>
        kind === 'json' ? JSON.parse(String(data)) : typeof data === 'string' ? data : new TextDecoder().decode(data),
      )
      expect([kind, had.join('')]).toEqual([kind, text])
    }
  })

  it('normalizes line ends as SSE does, so that long-poll and SSE agree on positions', () => {
    const client = reader(durableStreams({ contentType: 'text/plain' }))
    const { dialect } = client.attach('sse')
    client.take(dialect.readEvent(dataOf('a\nb')))
    const { dialect: next } = client.attach('long-poll')
    const headers = new Headers({ 'stream-next-offset': '9' })
    const { messages } = next.readAnswer({ status: 200, headers, body: 'a\r\nbc\r\nd' })
    expect(messages.map(({ data }) => data)).toEqual(['c\nd'])
  })
})

describe('Centrifugo', () => {
  const ask = (cursor: string | null, given?: string) => {
    const asked = new URL(url)
    if (given !== undefined) asked.searchParams.set('cf_connect', given)
    const { query } = centrifugo({ channels: ['a', 'constructor'] }).ask({
      url: asked,
      transport: 'sse',
      cursor,
      isSameOrigin: true,
    })
    return JSON.parse(String(query?.['cf_connect']))
  }

  it('adds its channels, with their positions, to the connect request of prepare()', () => {
    expect(ask(null)).toEqual({ subs: { a: {}, constructor: {} } })
    expect(ask('{"a":{"epoch":"e","offset":3}}', '{"token":"t","subs":{"b":{}}}')).toEqual({
      token: 't',
      subs: { a: { recover: true, epoch: 'e', offset: 3 }, constructor: {}, b: {} },
    })
    expect(() => ask(null, '[]')).toThrow('cf_connect must be a connect request as JSON')
  })

  it('drops publications that another attachment has delivered, and keeps the positions of both', () => {
    const client = reader(centrifugo({ channels: ['a', 'b'] }))
    const subs = { a: { recoverable: true, epoch: 'e', offset: 1 }, b: { recoverable: true, epoch: 'f' } }
    const first = client.attach('sse').dialect
    const second = client.attach('websocket').dialect
    client.take(first.readFrame(JSON.stringify({ connect: { subs } })))
    client.take(second.readFrame(JSON.stringify({ connect: { subs } })))
    const pub = (channel: string, offset: number) => JSON.stringify({ channel, pub: { data: offset, offset } })
    client.take(first.readFrame(pub('a', 2)))
    client.take(second.readFrame(pub('b', 1)))
    expect(JSON.parse(client.cursor() ?? '')).toEqual({ a: { epoch: 'e', offset: 2 }, b: { epoch: 'f', offset: 1 } })
    client.take(second.readFrame(`${pub('a', 2)}\n${pub('b', 1)}`))
    client.take(first.readFrame(pub('b', 1)))
    client.take(second.readFrame(pub('a', 3)))
    expect(client.had.map(({ topic, data }) => `${topic}${data}`)).toEqual(['a2', 'b1', 'a3'])
    expect(JSON.parse(client.cursor() ?? '')).toEqual({ a: { epoch: 'e', offset: 3 }, b: { epoch: 'f', offset: 1 } })
  })

  it('takes the new position of a channel whose history was lost', () => {
    const client = reader(centrifugo())
    const connect = (sub: object) =>
      client.attach('sse').dialect.readFrame(JSON.stringify({ connect: { subs: { a: { recoverable: true, ...sub } } } }))
    client.take(connect({ epoch: 'e', offset: 9 }))
    client.take(connect({ epoch: 'new', offset: 2, recovered: false, was_recovering: true }))
    expect(client.cursor()).toBe('{"a":{"epoch":"new","offset":2}}')
  })

  it.each([
    [
      'the remaining history begins at a later offset',
      { offset: 9, publications: [{ data: 9, offset: 9 }] },
      { after: 3, resumesAt: 9 },
    ],
    ['no history remains', { offset: 9 }, { after: 3, resumesAt: 10 }],
    ['another epoch has begun', { epoch: 'new', offset: 0 }, { after: null, resumesAt: 1 }],
    ['nothing was published meanwhile', { offset: 3 }, null],
    ['all of it was recovered', { offset: 4, recovered: true, publications: [{ data: 4, offset: 4 }] }, null],
  ])('knows which messages were lost if %s', (_, sub, gap) => {
    const client = reader(centrifugo({ channels: ['a'] }))
    const connect = (more: object) =>
      client
        .attach('sse')
        .dialect.readFrame(
          JSON.stringify({ connect: { subs: { a: { recoverable: true, epoch: 'e', recovered: false, ...more } } } }),
        )
    client.take(connect({ offset: 3 }))
    const read = connect(sub)
    const gaps = read.flatMap((each) => (each.data === undefined && each.gap ? each.gap : []))
    expect(gaps).toEqual(gap ? [{ topic: 'a', ...gap }] : [])
    client.take(read)
    expect(JSON.parse(client.cursor() ?? '')).toMatchObject({ a: { offset: sub.offset } })
  })

  it('keeps the positions of at most 128 channels', () => {
    const { dialect } = reader(centrifugo()).attach('sse')
    const sub = (n: number) => JSON.stringify({ channel: `c${n}`, subscribe: { recoverable: true, epoch: 'e', offset: 1 } })
    const cursors = Array.from({ length: 300 }, (_, n) => dialect.readFrame(sub(n)).at(-1)?.cursor ?? '')
    expect(Object.keys(JSON.parse(cursors.at(-1) ?? ''))).toHaveLength(128)
  })
})

describe('random input', () => {
  const scraps = ['{}', '[]', 'null', '7', '"x"', '{', '', '[[]]', '{"streamNextOffset":7}', '{"streamClosed":true}', '\0']
  const pushes = ['connect', 'pub', 'subscribe', 'unsubscribe', 'message', 'disconnect', 'subs', 'publications', 'channel']

  it(`is read, or refused with an Error, with SEED=${seed}`, () => {
    const random = seeded(seed)
    const pick = <Each>(list: readonly Each[]) => list[Math.floor(random() * list.length)] as Each
    const value = (depth: number): unknown => {
      if (depth > 0 && random() < 0.7) return Object.fromEntries([0, 1, 2].map(() => [pick(pushes), value(depth - 1)]))
      return pick([0, -1, 1e300, null, true, 'x', '', [], [{}], { data: 1, offset: 2 }, { code: 3500, reason: 'no' }])
    }
    const dialects = [mercure(), durableStreams(), durableStreams({ contentType: 'image/png' }), centrifugo()].map(
      (protocol) => reader(protocol).attach('sse').dialect,
    )
    for (let n = 0; n < 5000; n += 1) {
      const text = random() < 0.3 ? pick(scraps) : JSON.stringify(value(3))
      const dialect = pick(dialects)
      const status = pick([200, 204, 304, 408])
      const headers = new Headers(random() < 0.5 ? { 'stream-next-offset': pick(['7', '&', '']) } : {})
      const name = pick(['data', 'control', 'message', undefined])
      const reads = [
        () => dialect.readFrame(random() < 0.2 ? new TextEncoder().encode(text).buffer : text),
        () => dialect.readEvent({ id: undefined, name, data: text }),
        () => dialect.readAnswer({ status, headers, body: text }).messages,
      ]
      try {
        const read = pick(reads)()
        expect(read.every((each) => ['string', 'object', 'undefined'].includes(typeof each.data))).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }
  })
})
