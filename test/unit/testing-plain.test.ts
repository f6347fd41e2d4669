import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { json, RealtimeClient, type RealtimeEvent } from '../../src/index.ts'
import { createFakeServer, type FakeServer } from '../../src/testing/index.ts'

const url = 'https://example.test/live'
let server: FakeServer

beforeEach(() => {
  server = createFakeServer()
})
afterEach(() => {
  server.close()
  vi.useRealTimers()
})

function watch(client: RealtimeClient<never, never> | RealtimeClient) {
  const told: string[] = []
  const errors: RealtimeEvent<'error'>[] = []
  const some = client as RealtimeClient
  some.on('open', ({ transport }) => told.push(`open ${transport}`))
  some.on('message', ({ data, id, name }) =>
    told.push(`${typeof data === 'string' ? data : `${data.byteLength} bytes`} ${id}/${name}`),
  )
  some.on('error', (event) => errors.push(event))
  some.on('close', ({ code, reason, final }) => told.push(`close ${code} ${reason}${final ? ', final' : ''}`))
  return { told, errors }
}

describe.each(['real', 'fake'] as const)('with %s timers', (timers) => {
  beforeEach(() => void (timers === 'fake' && vi.useFakeTimers()))

  it('a client opens, sends and receives', async () => {
    const client = new RealtimeClient(url, server.options)
    client.send('hello')
    const connection = await server.nextConnection()
    expect(client.state.status).toBe('open')
    expect(await server.nextMessage()).toBe('hello')
    const { told } = watch(client)
    connection.send('price 3')
    connection.send(new Uint8Array([1, 2, 3]))
    expect(told).toEqual(['price 3 /message', '3 bytes /message'])
    expect([connection.transport, connection.url.href, connection.session]).toEqual([
      'websocket',
      'wss://example.test/live',
      null,
    ])
    const closing = client.close(3001, 'bye')
    expect(await connection.closed).toEqual({ by: 'client', code: 3001, reason: 'bye' })
    await closing
    expect(server.close()).toEqual([])
  })
})

describe('a WebSocket', () => {
  beforeEach(() => void vi.useFakeTimers())

  it("that is lost is dialled again on the client's own schedule", async () => {
    const client = new RealtimeClient(url, server.options)
    const { told, errors } = watch(client)
    const first = await server.nextConnection()
    first.lose()
    expect(client.state.status).toBe('waiting')
    client.send('kept')
    expect(errors[0]?.diagnosis.cause).toBe('conn.dropped')
    expect(await first.closed).toEqual({ by: 'network', code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(499)
    expect(server.dials.length).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    const second = await server.nextConnection()
    expect([second === first, await server.nextMessage(), told]).toEqual([
      false,
      'kept',
      ['open websocket', 'close 1006 ', 'open websocket'],
    ])
    await client.close()
  })

  it.each([
    [1001, 'going away', false],
    [4000, 'bye', false],
    [4403, 'forbidden', true],
  ])('that the server closes with %d %s is final: %s', async (code, reason, isFinal) => {
    const client = new RealtimeClient(url, server.options)
    const { told } = watch(client)
    const connection = await server.nextConnection()
    connection.close(code, reason)
    expect(told).toEqual(['open websocket', `close ${code} ${reason}${isFinal ? ', final' : ''}`])
    expect(await connection.closed).toEqual({ by: 'server', code, reason })
    await client.close()
  })

  it('that stalls is detected by the heartbeat', async () => {
    const heartbeat = { message: 'ping', reply: 'pong', intervalMs: 1000, timeoutMs: 500 }
    server = createFakeServer({ onMessage: (data, connection) => data === 'ping' && connection?.send('pong') })
    const client = new RealtimeClient(url, { heartbeat, ...server.options })
    const { errors } = watch(client)
    const connection = await server.nextConnection()
    await vi.advanceTimersByTimeAsync(5000)
    expect(errors).toEqual([])
    connection.stall()
    connection.send('never')
    await vi.advanceTimersByTimeAsync(2000)
    expect(errors.map(({ diagnosis }) => diagnosis.cause)).toEqual(['conn.silent'])
    expect((await connection.closed).by).toBe('network')
    await client.close()
  })

  it('carries a Blob and what is sent after it in order', async () => {
    const client = new RealtimeClient(url, server.options)
    client.send(new Blob(['one']))
    client.send('two')
    expect(new TextDecoder().decode((await server.nextMessage()) as ArrayBuffer)).toBe('one')
    expect(await server.nextMessage()).toBe('two')
    await client.close()
  })

  it('has the subprotocol that was offered first, and the query that prepare() added', async () => {
    const client = new RealtimeClient(url, {
      transports: [{ type: 'websocket', subprotocols: ['chat'] }],
      prepare: () => ({ query: { token: 'secret' } }),
      ...server.options,
    })
    const { url: dialled, subprotocols } = await server.nextConnection()
    expect([dialled.searchParams.get('token'), subprotocols]).toEqual(['secret', ['chat']])
    await client.close()
  })
})

describe('a server', () => {
  beforeEach(() => void vi.useFakeTimers())

  it('that refuses with a status is diagnosed over SSE, and dialled again when it accepts', async () => {
    server.refuse({ status: 503, retryAfterMs: 2000 })
    const client = new RealtimeClient(url, server.options)
    const { errors, told } = watch(client)
    await vi.advanceTimersByTimeAsync(1000)
    expect([...new Set(server.dials.map(({ transport }) => transport))]).toEqual(['websocket', 'sse'])
    expect(errors.map(({ diagnosis }) => diagnosis.cause)).toContain('http.503')
    server.accept()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told).toContain('open websocket')
    await client.close()
  })

  it('that refuses with 401 ends a client that cannot renew its credentials', async () => {
    server.refuse({ status: 401 })
    const client = new RealtimeClient(url, server.options)
    const { errors, told } = watch(client)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(errors.map(({ diagnosis }) => diagnosis.cause)).toContain('http.401')
    expect(told.at(-1)).toMatch(/final/)
  })

  it('may refuse depending on the URL that is dialled', async () => {
    server.refuse(({ url: { searchParams } }) => (searchParams.get('token') === 'old' ? { code: 4401 } : null))
    const client = new RealtimeClient(url, {
      prepare: ({ isRefresh }) => ({ query: { token: isRefresh ? 'new' : 'old' } }),
      transports: ['websocket'],
      ...server.options,
    })
    await vi.advanceTimersByTimeAsync(1000)
    const { url: dialled } = await server.nextConnection()
    expect([dialled.searchParams.get('token'), server.dials.length]).toEqual(['new', 2])
    await client.close()
  })

  it('that lets no WebSocket through is reached over SSE', async () => {
    server.refuse({ status: 403 }, { transports: ['websocket'] })
    const client = new RealtimeClient(url, server.options)
    const { told } = watch(client)
    const connection = await server.nextConnection()
    expect(connection.transport).toBe('sse')
    connection.send('a\nb', { id: '7', name: 'news' })
    expect(() => connection.send(new Uint8Array(1))).toThrow(/an event stream carries text, no bytes/)
    client.send('posted')
    expect(await connection.nextMessage()).toBe('posted')
    await vi.advanceTimersByTimeAsync(0)
    expect(told).toEqual(['open sse', 'a\nb 7/news'])
    connection.lose()
    await vi.advanceTimersByTimeAsync(5000)
    expect(server.dials.at(-1)?.url.searchParams.get('last_event_id')).toBe('7')
    await client.close()
  })

  it('throws for an empty message over a poll, which would mean that there is nothing new', async () => {
    using server = createFakeServer()
    const client = new RealtimeClient(url, { ...server.options, transports: ['poll'] })
    const connection = await server.nextConnection()
    expect(() => connection.send('')).toThrow(/carries no empty message/)
    expect(() => connection.send(new Uint8Array(0))).toThrow(TypeError)
    await client.close()
  })

  it('that is down is unreachable, and its clients reconnect when it accepts again', async () => {
    const client = new RealtimeClient(url, server.options)
    const { errors, told } = watch(client)
    await server.nextConnection()
    server.down()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(errors.at(-1)?.diagnosis.cause).toBe('net.unreachable')
    server.accept()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([client.state.status, told.at(-1)]).toEqual(['open', 'open websocket'])
    await client.close()
  })

  it('that stalls is given up by the client after connectTimeoutMs', async () => {
    server.stall()
    const client = new RealtimeClient(url, { transports: ['websocket'], connectTimeoutMs: 3000, ...server.options })
    const { errors } = watch(client)
    await vi.advanceTimersByTimeAsync(3000)
    expect(errors[0]?.diagnosis.cause).toBe('net.timeout')
    await client.close()
  })

  it.each(['long-poll', 'poll'] as const)('is reached over %s', async (transport) => {
    const client = new RealtimeClient(url, { transports: [transport], ...server.options })
    const { told, errors } = watch(client)
    const connection = await server.nextConnection()
    for (const text of ['a', 'a', 'b']) connection.send(text)
    client.send('posted')
    await vi.advanceTimersByTimeAsync(20_000)
    expect(told).toEqual([`open ${transport}`, 'a 1/message', 'a 2/message', 'b 3/message'])
    expect(await connection.nextMessage()).toBe('posted')
    connection.lose()
    await vi.advanceTimersByTimeAsync(20_000)
    expect([errors.length, server.dials.length, client.state.status]).toEqual([1, 2, 'open'])
    await client.close()
  })

  it.each(['long-poll', 'poll'] as const)('refuses close() over %s, and goes on', async (transport) => {
    const client = new RealtimeClient(url, { transports: [transport], ...server.options })
    const { told } = watch(client)
    const connection = await server.nextConnection()
    expect(() => connection.close()).toThrow('FakeServer: a poll has no close; lose() fails its next request.')
    server.send('still here')
    await vi.advanceTimersByTimeAsync(20_000)
    expect([told.at(-1), connection.isOpen, server.connections.length]).toEqual(['still here 1/message', true, 1])
    await client.close()
  })

  it.each([
    { type: 'sse', sendBatch: 'ndjson' },
    { type: 'poll', sendBatch: 'ndjson' },
  ] as const)('takes the lines of a batch over $type as messages', async (transport) => {
    const client = new RealtimeClient(url, { transports: [transport], ...server.options })
    await server.nextConnection()
    for (const text of ['a', 'b', '', 'two\nlines', 'c', 'd']) client.send(text)
    await vi.advanceTimersByTimeAsync(100)
    expect(server.takeMessages()).toEqual(['a', 'b', '', 'two\nlines', 'c', 'd'])
    await client.close()
  })
})

describe('an environment without TextEncoder, fetch and Response, as that of Jest for jsdom', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it('is enough for plain mode over WebSocket', async () => {
    for (const name of ['TextEncoder', 'TextDecoder', 'fetch', 'Request', 'Response', 'ReadableStream', 'WebSocket'])
      vi.stubGlobal(name, undefined)
    const client = new RealtimeClient(url, server.options)
    const { told } = watch(client)
    client.send('up')
    expect(await server.nextMessage()).toBe('up')
    server.send('down')
    await client.close()
    expect([told.slice(0, 2), server.close()]).toEqual([['open websocket', 'down /message'], []])
  })
})

describe('nextConnection()', () => {
  it('returns each connection once, and none that has ended', async () => {
    vi.useFakeTimers()
    const client = new RealtimeClient(url, server.options)
    await vi.advanceTimersByTimeAsync(0)
    const [first] = server.connections
    first?.lose()
    await vi.advanceTimersByTimeAsync(1000)
    const second = await server.nextConnection()
    expect([second === first, server.connections]).toEqual([false, [second]])
    const waiting = server.nextConnection()
    second.lose()
    await vi.advanceTimersByTimeAsync(3000)
    expect([(await waiting).isOpen, server.dials.length]).toEqual([true, 3])
    await client.close()
  })
})

describe('typed messages', () => {
  it('go through the codec of the client', async () => {
    interface News {
      readonly price: number
    }
    interface Command {
      readonly say: string
    }
    const typed = createFakeServer<News, Command>({
      codec: json(),
      onConnection: (connection) => connection.send({ price: 1 }),
      onMessage: ({ say }, connection) => connection?.send({ price: say.length }),
    })
    const client = new RealtimeClient(url, { codec: json<News, Command>(), ...typed.options })
    const prices: number[] = []
    client.on('message', ({ data }) => prices.push(data.price))
    client.send({ say: 'hello' })
    expect(await typed.nextMessage()).toEqual({ say: 'hello' })
    typed.send({ price: 9 })
    expect(prices).toEqual([1, 5, 9])
    await client.close()
    expect(typed.close()).toEqual([])
  })
})

describe('misuse', () => {
  it('of a connection that has ended throws an error with its end', async () => {
    const client = new RealtimeClient(url, server.options)
    const connection = await server.nextConnection()
    await client.close(3000, 'done')
    expect(() => connection.send('x')).toThrow(
      /^FakeServer: send\(\) on a connection that is over: the client closed it \(3000 done\)\.$/,
    )
    expect(() => connection.lose()).toThrow(/lose\(\) on a connection that is over/)
    expect(() => connection.close()).toThrow(/close\(\) on a connection that is over/)
    expect(() => server.send('x')).toThrow(/send\(\) has nobody to send to; await nextConnection\(\)/)
  })

  it('throws for values that cannot be sent, invalid close codes, empty refusals and wrong options', async () => {
    const client = new RealtimeClient(url, server.options)
    const connection = await server.nextConnection()
    expect(() => connection.send({ price: 3 } as never)).toThrow(
      /a string or bytes, not Object; .* createFakeServer\({ codec: json\(\) }\)/,
    )
    expect(() => connection.send('x', { topic: 'news' })).toThrow(/`topic` in a session alone/)
    expect(() => connection.send('x', { id: '1' })).toThrow(/`id` and `name` over SSE alone; this connection is a websocket/)
    expect(() => connection.close(1006)).toThrow(/not 1006; lose\(\) is 1006/)
    expect(() => server.refuse({} as never)).toThrow(/a `status` from 300 to 599 or a `code`/)
    expect(() => server.refuse({ status: 200 })).toThrow(TypeError)
    expect(() => server.refuse(undefined as never)).toThrow(/a `status` from 300 to 599 or a `code`/)
    for (const transports of ['websocket', ['ws'], []])
      expect(() => server.refuse({ status: 403 }, { transports } as never)).toThrow(/a list of websocket, sse, long-poll, poll/)
    expect(() => createFakeServer({ onMessages: () => {} } as never)).toThrow(
      /unknown option 'onMessages'; did you mean 'onMessage'/,
    )
    expect(() => createFakeServer(null as never)).toThrow(/takes an object of options/)
    expect(() => createFakeServer({ codec: json } as never)).toThrow(/codec must be an object; it was function/)
    expect(() => createFakeServer({ codec: {} } as never)).toThrow(/codec must have `encode` and `decode`/)
    await client.close()
  })

  it('rejects a second waiting call, and one that is still pending at close()', async () => {
    const waiting = server.nextMessage()
    await expect(server.nextMessage()).rejects.toThrow(/nextMessage\(\) is waiting already; await one call before the next/)
    const vain = expect(waiting).rejects.toThrow(
      /nextMessage\(\) was still pending at close\(\); 0 dials had come, 0 connections were open/,
    )
    expect(server.close()).toEqual(['nextMessage() is waiting'])
    await vain
    await expect(server.nextConnection()).rejects.toThrow(/nextConnection\(\) was called after close\(\)/)
  })
})

describe('an error that a function of the test throws', () => {
  it.each(['websocket', 'sse', 'long-poll'] as const)('is reported over %s, not as a network failure', async (transport) => {
    vi.useFakeTimers()
    const fail = (): never => {
      throw new Error('mine')
    }
    const own = createFakeServer({ onConnection: fail, onMessage: fail })
    own.refuse(fail)
    const client = new RealtimeClient(url, { transports: [transport], ...own.options })
    const { errors } = watch(client)
    client.send('x')
    // It is reported as an uncaught error.
    await expect(vi.advanceTimersByTimeAsync(3000)).rejects.toThrow('mine')
    await vi.advanceTimersByTimeAsync(3000).catch(() => {})
    expect([errors, client.state.status]).toEqual([[], 'open'])
    await client.close()
    expect(own.close()).toEqual(
      expect.arrayContaining(['refuse() threw: mine', 'onConnection threw: mine', 'onMessage threw: mine']),
    )
  })
})

describe('close() at the end of a test', () => {
  beforeEach(() => void vi.useFakeTimers())

  it('names open connections and unread messages, and closes the client', async () => {
    const client = new RealtimeClient(url, server.options)
    client.send('unread')
    await server.nextConnection()
    await vi.advanceTimersByTimeAsync(0)
    expect(server.close()).toEqual([
      'a connection over websocket to wss://example.test/live is open',
      'a message was not read: "unread"',
    ])
    await vi.advanceTimersByTimeAsync(60_000)
    expect([client.state.status, vi.getTimerCount(), server.close()]).toEqual(['closed', 0, []])
  })

  it('closes a client without the signal too, if it was given only the host', async () => {
    const client = new RealtimeClient(url, { host: server.host })
    const { told } = watch(client)
    await server.nextConnection()
    server.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([client.state.status, told.at(-1), vi.getTimerCount()]).toEqual([
      'closed',
      'close 4403 the fake server is closed, final',
      0,
    ])
  })

  it('is called by a `using` block', async () => {
    let client: RealtimeClient
    {
      using own = createFakeServer()
      client = new RealtimeClient(url, own.options)
      await own.nextConnection()
    }
    await vi.advanceTimersByTimeAsync(5000)
    expect(client.state.status).toBe('closed')
  })

  it('names no messages that takeMessages() has returned', async () => {
    const client = new RealtimeClient(url, server.options)
    for (const text of ['a', 'b']) client.send(text)
    await vi.advanceTimersByTimeAsync(0)
    expect(server.takeMessages()).toEqual(['a', 'b'])
    await client.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(server.leftovers()).toEqual([])
  })
})
