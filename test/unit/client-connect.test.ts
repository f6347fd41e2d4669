import { describe, expect, it } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { benchOf } from '../support/client-bench.ts'
import { closed, opens, opensThenDrops, refuses, sequence, stalls } from '../support/fake-transport.ts'
import { promised } from '../support/manual-host.ts'

describe('the first connect', () => {
  it('raises its events in order', async () => {
    const { timeline, pass, transport } = benchOf({ websocket: opens(30), sse: opens() })
    expect(timeline).toEqual([])
    await pass(100)
    transport('websocket').last.receive('hello')
    expect(timeline).toEqual([
      '0 state connecting websocket',
      '30 open websocket, attempt 0, took 30',
      '30 state open',
      '100 state open proven',
      '100 message hello',
    ])
  })

  it('starts in a microtask, not in the constructor', async () => {
    const { client, transport } = benchOf({ websocket: stalls() })
    expect([client.state.status, transport('websocket').dials.length]).toEqual(['idle', 0])
    await Promise.resolve()
    expect([client.state.status, transport('websocket').dials.length]).toEqual(['connecting', 1])
  })

  it('does not start automatically where there is no page', async () => {
    const { client, pass } = benchOf({ websocket: opens() }, {}, { isLive: false })
    await pass(1000)
    expect(client.state).toEqual({ status: 'idle' })
    client.connect()
    await pass(10)
    expect(client.state).toEqual({ status: 'open', transport: 'websocket', since: 1010, proven: false })
  })

  it.each([
    {},
    { protocol: session() },
    { transports: [{ type: 'sse', url: 'events', sendUrl: '../send' }] },
    { transports: ['poll'], debug: () => {}, retry: false },
  ] as const)('to a relative URL throws where there is no page, and does not start automatically (%o)', async (options) => {
    const client = new RealtimeClient('/realtime', options)
    client.send('kept')
    await Promise.resolve()
    expect([client.state.status, client.report().attempts, JSON.stringify(client).length > 0]).toEqual(['idle', [], true])
    expect(() => client.connect()).toThrow(TypeError)
    expect(() => client.reconnect()).toThrow(
      /^RealtimeClient: url must be .* no page to which it is relative; it was '\/realtime'/,
    )
    expect(client.state.status).toBe('idle')
    expect(await client.close()).toEqual({ unsent: ['kept'], unconfirmed: [] })
  })

  it('to a relative URL without a page is logged as an error if autoConnect demands it, and never thrown', async () => {
    const logged: unknown[] = []
    const thrown: unknown[] = []
    const host = { log: (...line: unknown[]) => void logged.push(line), report: (error: unknown) => void thrown.push(error) }
    const client = new RealtimeClient('/realtime', { autoConnect: true, host })
    await promised()
    expect([client.state.status, thrown]).toEqual(['idle', []])
    expect(logged).toEqual([
      ['error', expect.stringMatching(/^RealtimeClient: url must be .* no page to which it is relative; it was '\/realtime'/)],
    ])
  })

  it('is made once, however often connect() is called', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    client.connect()
    client.connect()
    await pass(20)
    client.connect()
    await pass(20)
    expect(transport('websocket').dials).toHaveLength(1)
  })

  it('falls back to the next transport, and raises an error with the cause', async () => {
    const { timeline, pass } = benchOf({ websocket: refuses(1006), sse: opens() })
    await pass(5020)
    expect(timeline).toEqual([
      '0 state connecting websocket',
      '10 error net.unreachable',
      '10 state connecting sse',
      '20 open sse, attempt 0, took 10',
      '20 state open',
    ])
  })

  it('races the next transport if the best one stalls, and hangs up the best one 2 s later', async () => {
    const { timeline, pass, transport } = benchOf({ websocket: stalls(), sse: opens() })
    await pass(2509)
    expect(transport('websocket').last.isHungUp).toBe(false)
    await pass(1)
    expect(transport('websocket').last.isHungUp).toBe(true)
    expect(timeline.slice(0, 3)).toEqual([
      '0 state connecting websocket',
      '500 state connecting websocket sse',
      '510 open sse, attempt 0, took 10',
    ])
  })

  it('shows no query, neither in the event nor in the report', async () => {
    const { client, pass } = benchOf({ websocket: opens() })
    const urls: string[] = []
    client.on('open', ({ url }) => urls.push(url))
    await pass(10)
    expect(urls).toEqual(['https://api.example/realtime'])
    const at = (ms: number) => new Date(ms).toISOString()
    expect(client.report()).toMatchObject({
      status: 'open',
      at: at(10),
      attempts: [{ id: 1, transport: 'websocket', url: 'https://api.example/realtime', dialledAt: at(0), openedAt: at(10) }],
    })
  })

  it('is in the report with its cause if the handshake is never answered', async () => {
    const { client, pass } = benchOf({ websocket: stalls() })
    await pass(10_000)
    expect(client.report().attempts[0]).toMatchObject({ endedAt: '1970-01-01T00:00:10.000Z', cause: 'net.timeout' })
  })
})

describe('a lost connection', () => {
  it('and its retries raise their events in order', async () => {
    const { timeline, pass } = benchOf({ websocket: sequence(opensThenDrops(1012, 6000), refuses(1006), opens()), sse: stalls() })
    await pass(9000)
    expect(timeline).toEqual([
      '0 state connecting websocket',
      '10 open websocket, attempt 0, took 10',
      '10 state open',
      '5010 state open proven',
      '6010 error close.1012, again at 6510',
      '6010 close 1012, again at 6510',
      '6010 state waiting',
      '6510 state connecting websocket',
      '6520 error net.unreachable, again at 8020',
      '6520 state waiting',
      '8020 state connecting websocket',
      '8030 open websocket, attempt 2, took 10',
      '8030 state open',
    ])
  })

  it('has the messages in the socket buffer reported as unconfirmed; later ones go over the next socket', async () => {
    const { client, news, pass, transport } = benchOf({ websocket: opens() })
    await pass(10)
    const { link } = transport('websocket').last
    Object.assign(link, { isStuck: true })
    client.send('one')
    client.send('two')
    Object.assign(link, { buffered: 3 })
    news()
    transport('websocket').last.fail(closed(1006))
    client.send('three')
    expect(news()[0]).toBe('10 error conn.dropped, again at 510, unconfirmed two')
    await pass(1000)
    expect(transport('websocket').last.link.written).toEqual(['three'])
  })

  it('is resumed from its cursor', async () => {
    const { timeline, pass, transport } = benchOf({ sse: opens() })
    await pass(10)
    transport('sse').last.receive('a', { id: '7', cursor: '7' })
    transport('sse').last.move('8')
    expect(transport('sse').last.call.cursor()).toBe('8')
    transport('sse').last.fail({ kind: 'ended' })
    await pass(600)
    expect(timeline.at(-2)).toBe('520 open sse, resumed, attempt 1, took 10')
    expect(transport('sse').last.call.cursor()).toBe('8')
  })

  it('delivers no late messages and reports no further failures', async () => {
    const { news, pass, transport } = benchOf({ websocket: opens() })
    await pass(10)
    const dial = transport('websocket').last
    dial.fail(closed(1001))
    news()
    dial.receive('late')
    dial.fail(closed(1001))
    expect(news()).toEqual([])
  })

  it('is detected by the heartbeat', async () => {
    const heartbeat = { message: 'ping', reply: 'pong', intervalMs: 1000, timeoutMs: 500 }
    const { news, pass, transport } = benchOf({ websocket: sequence(opens(), stalls()) }, { heartbeat, provingMs: 100 })
    await pass(1010)
    const { link } = transport('websocket').last
    expect(link.written).toEqual(['ping'])
    await pass(100)
    transport('websocket').last.receive('pong')
    await pass(1000)
    expect(link.written).toEqual(['ping', 'ping'])
    news()
    await pass(500)
    expect(news().slice(0, 1)).toEqual(['2610 error conn.silent, again at 3110'])
  })

  it('the reply to a heartbeat is not delivered as a message', async () => {
    const heartbeat = { message: 'ping', reply: 'pong', intervalMs: 1000, timeoutMs: 500 }
    const { timeline, pass, transport } = benchOf({ websocket: opens() }, { heartbeat })
    await pass(1010)
    transport('websocket').last.receive('pong')
    transport('websocket').last.receive('real')
    expect(timeline.filter((line) => line.includes('message'))).toEqual(['1010 message real'])
  })

  it('the "resume" event of the page makes an open poll transport poll at once', async () => {
    const { signal, pass, transport } = benchOf({ poll: opens() })
    await pass(10)
    const { link } = transport('poll').last
    let polls = 0
    Object.assign(link, { pollNow: () => (polls += 1) })
    signal('resume')
    await promised()
    expect(polls).toBe(1)
  })
})

describe('judge()', () => {
  it('can turn a retry into a stop, and a stop into a retry', async () => {
    const stop = benchOf({ websocket: opensThenDrops(1000, 10) }, { judge: () => 'stop' })
    await stop.pass(100)
    expect(stop.timeline.slice(-2)).toEqual(['20 close 1000, final', '20 state closed'])
    const go = benchOf({ sse: refuses(403) }, { judge: ({ cause }) => (cause === 'http.403' ? 'retry' : undefined) })
    await go.pass(10)
    expect(go.client.state.status).toBe('waiting')
  })

  it('that throws is reported, and the client retries', async () => {
    const judge = () => {
      throw new Error('mistake')
    }
    const { client, pass, reported } = benchOf({ websocket: refuses(1006) }, { judge })
    await pass(10)
    expect(client.state.status).toBe('waiting')
    expect(reported).toHaveLength(1)
  })
})

describe('retry()', () => {
  it('that throws is reported, and the client keeps retrying with pauses', async () => {
    const retry = () => {
      throw new Error('mistake')
    }
    const { client, pass, reported, transport } = benchOf({ websocket: refuses(1006) }, { retry })
    await pass(10)
    expect(client.state.status).toBe('waiting')
    await pass(5000)
    expect(reported.length).toBe(transport('websocket').dials.length)
    expect(transport('websocket').dials.length).toBeLessThan(8)
  })
})

describe('the first dial of a visit', () => {
  it('is that of the transport that worked on the previous visit', async () => {
    const first = benchOf({ websocket: refuses(1006), sse: opens() })
    await first.pass(20)
    first.transport('sse').last.receive('x')
    const { storage } = first
    const next = benchOf({ websocket: opens(), sse: opens() }, {}, { storage, now: 60_000 })
    await next.pass(10)
    expect(next.client.state).toMatchObject({ status: 'open', transport: 'sse' })
    expect(next.transport('websocket').dials).toEqual([])
  })

  it('is raced after a time that depends on the round trip of the page', async () => {
    const { pass, transport } = benchOf({ websocket: stalls(), sse: stalls() }, {}, { roundTripMs: 40 })
    await pass(299)
    expect(transport('sse').dials).toHaveLength(0)
    await pass(1)
    expect(transport('sse').dials).toHaveLength(1)
  })
})
