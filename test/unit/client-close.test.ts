import { describe, expect, it } from 'vitest'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { type Bench, benchOf } from '../support/client-bench.ts'
import { type Behaviour, opens, opensThenDrops, refuses, sequence, stalls } from '../support/fake-transport.ts'

interface Place {
  readonly servers: Readonly<Record<string, Behaviour>>
  readonly options?: RealtimeOptions
  /** Brings the client into that state. */
  readonly go?: (bench: Bench) => unknown
  readonly status: string
}

const both = { websocket: stalls(), sse: opens() }
const pending = () => new Promise<undefined>(() => {})
const places: Readonly<Record<string, Place>> = {
  idle: { servers: both, options: { autoConnect: false }, status: 'idle' },
  'before the first dial': { servers: both, status: 'idle' },
  dialling: { servers: both, go: ({ pass }) => pass(10), status: 'connecting' },
  racing: { servers: { websocket: stalls(), sse: stalls() }, go: ({ pass }) => pass(700), status: 'connecting' },
  preparing: { servers: both, options: { prepare: pending }, go: ({ pass }) => pass(10), status: 'connecting' },
  'waiting for a slot': {
    servers: { sse: opens(), poll: opens() },
    options: { host: { claim: () => new Promise(() => {}) } },
    go: ({ pass }) => pass(10),
    status: 'connecting',
  },
  'open with a challenger': { servers: both, go: ({ pass }) => pass(520), status: 'open' },
  open: { servers: { websocket: opens() }, go: ({ pass }) => pass(10), status: 'open' },
  'open with a pending ping': {
    servers: { websocket: opens() },
    options: { heartbeat: { message: 'ping', intervalMs: 100 } },
    go: ({ pass }) => pass(200),
    status: 'open',
  },
  'open beside an attempt to replace it': {
    servers: { sse: sequence(opens(), stalls()) },
    async go({ pass, transport, signal }) {
      await pass(10)
      transport('sse').last.receive('x', { cursor: '1' })
      signal('resume')
      await pass(3001)
      expect(transport('sse').dials).toHaveLength(2)
    },
    status: 'open',
  },
  'open with a full socket buffer': {
    servers: { websocket: opens() },
    async go({ client, pass, transport }) {
      await pass(10)
      Object.assign(transport('websocket').last.link, { isStuck: true })
      client.send('x'.repeat(2 ** 20))
      client.send('y')
    },
    status: 'open',
  },
  'open with a POST in flight': {
    servers: { sse: opens() },
    async go({ client, pass }) {
      await pass(10)
      client.send('x')
    },
    status: 'open',
  },
  waiting: { servers: { websocket: refuses(1006) }, go: ({ pass }) => pass(20), status: 'waiting' },
  'waiting with a queued message': {
    servers: { websocket: refuses(1006) },
    options: { outbox: { ttlMs: 60_000 } },
    async go({ client, pass }) {
      client.send('x')
      await pass(20)
    },
    status: 'waiting',
  },
  offline: {
    servers: { websocket: refuses(1006) },
    async go({ pass, signal }) {
      await pass(20)
      signal('offline')
    },
    status: 'offline',
  },
  'after pagehide': {
    servers: { websocket: opens() },
    async go({ pass, signal }) {
      await pass(20)
      signal('pagehide')
    },
    status: 'waiting',
  },
  'closed by the server': { servers: { sse: refuses(401) }, go: ({ pass }) => pass(20), status: 'closed' },
  'closed by the application': {
    servers: { websocket: opens() },
    async go({ client, pass }) {
      await pass(20)
      void client.close()
    },
    status: 'closed',
  },
}

describe('close()', () => {
  it.each(Object.keys(places))('leaves no timer, listener, dial or request behind: %s', async (name) => {
    const { servers, options, go, status } = places[name] as Place
    const bench = benchOf(servers, options)
    if (go) await go(bench)
    expect(bench.client.state.status).toBe(status)
    let isDone = false
    void bench.client.close(3001, 'bye').then(() => {
      isDone = true
    })
    if (status !== 'closed') expect(bench.client.state).toEqual({ status: 'closed', code: 3001, reason: 'bye', diagnosis: null })
    expect(bench.listening()).toBe(0)
    await bench.pass(5000)
    expect(isDone).toBe(true)
    bench.expectNothingLeft()
    bench.signal('online')
    await bench.pass(3_600_000)
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
  })

  it('raises "close" and "state", and closes the link with the code and the reason', async () => {
    const { client, pass, news, transport } = benchOf({ websocket: opens() })
    await pass(10)
    news()
    client.send('last')
    const unsent = await client.close(3001, 'bye')
    expect(news()).toEqual(['10 close 3001, final', '10 state closed'])
    const { link } = transport('websocket').last
    expect([link.written, link.closed, unsent]).toEqual([['last'], [[3001, 'bye']], { unsent: [], unconfirmed: [] }])
  })

  it('resolves with the unsent messages', async () => {
    const { client, pass } = benchOf({ websocket: refuses(1006) })
    client.send('a')
    client.send('b')
    await pass(20)
    expect(await client.close()).toEqual({ unsent: ['a', 'b'], unconfirmed: [] })
  })

  it('before the first dial prevents it (StrictMode)', async () => {
    const { client, pass, timeline, transport } = benchOf({ websocket: opens() })
    void client.close()
    await pass(1000)
    expect(timeline).toEqual(['0 close 1000, final', '0 state closed'])
    expect(transport('websocket').dials).toEqual([])
  })

  it.each([[1001], [999], [2999], [5000], [Number.NaN]])('throws a TypeError for the code %d', async (code) => {
    const { client } = benchOf({ websocket: opens() }, { autoConnect: false })
    expect(() => client.close(code)).toThrow(TypeError)
    expect(client.state.status).toBe('idle')
  })

  it.each([[null], [5], [{}]])('throws a TypeError for the reason %j', (reason: unknown) => {
    const { client } = benchOf({ websocket: opens() }, { autoConnect: false })
    expect(() => client.close(1000, reason as string)).toThrow(/^RealtimeClient: the close reason must be a string; it was/)
    expect(client.state.status).toBe('idle')
  })

  it('accepts a reason of up to 123 bytes in UTF-8', () => {
    const { client } = benchOf({ websocket: opens() }, { autoConnect: false })
    expect(() => client.close(1000, 'ä'.repeat(62))).toThrow(/at most 123 bytes; it has 124/)
    expect(() => void client.close(1000, 'ä'.repeat(61))).not.toThrow()
  })

  it('makes send() throw and flushed() resolve', async () => {
    const { client } = benchOf({ websocket: opens() })
    await client.close()
    expect(() => client.send('x')).toThrow(/closed/)
    await client.flushed()
  })
})

describe('after the end of the client', () => {
  it('connect() connects again, at once', async () => {
    const { client, pass, news, listening } = benchOf({ websocket: opens() })
    await pass(10)
    await client.close()
    news()
    client.connect()
    await pass(10)
    expect(news()).toEqual(['10 state connecting websocket', '20 open websocket, attempt 0, took 10', '20 state open'])
    expect(listening()).toBe(1)
  })

  it('connect() dials a server again that has refused the credentials', async () => {
    const { client, pass, timeline } = benchOf({ sse: sequence(refuses(401), opens()) })
    await pass(10)
    expect(timeline.slice(-2)).toEqual(['10 close 4401, final', '10 state closed'])
    client.connect()
    await pass(10)
    expect(client.state.status).toBe('open')
  })

  it('flushed() rejects if the server refused the client before the message was sent', async () => {
    const { client, pass } = benchOf({ sse: refuses(403) })
    client.send('x')
    let outcome = 'pending'
    client.flushed().then(
      () => {
        outcome = 'resolved'
      },
      () => {
        outcome = 'rejected'
      },
    )
    await pass(1000)
    expect(client.state.status).toBe('closed')
    expect(outcome).toBe('rejected')
  })

  it('flushed() rejects at once if a message is kept for connect(), and resolves once that has sent it', async () => {
    const { client, pass } = benchOf({ websocket: sequence(refuses(403), opens()) })
    client.send('x')
    await pass(1000)
    await expect(client.flushed()).rejects.toThrow('RealtimeClient: it was closed before all was sent.')
    client.connect()
    const flushed = client.flushed()
    await pass(1000)
    expect(await flushed).toEqual({ refused: [] })
  })

  it('connect() reads the network state of the page again', async () => {
    const { client, pass, signal } = benchOf({ websocket: refuses(1006) })
    await pass(20)
    signal('offline')
    await client.close()
    signal('online')
    client.connect()
    await pass(20)
    expect(client.state.status).toBe('waiting')
  })

  it('a loss without a retry leaves no timer, listener, dial or request behind', async () => {
    const bench = benchOf({ websocket: opensThenDrops(1006, 10) }, { retry: false })
    await bench.pass(100)
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
  })
})

describe('using', () => {
  it('closes the client at the end of the block', () => {
    const { client } = benchOf({ websocket: opens() })
    client[Symbol.dispose]()
    expect(client.state.status).toBe('closed')
  })
})
