import { describe, expect, it } from 'vitest'
import type { Preparation, RealtimeOptions } from '../../src/api/options.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'
import { type HandRequest, openFrame } from '../support/hand-network.ts'
import { promised } from '../support/manual-host.ts'
import { outcomeOf } from '../support/sender-bench.ts'
import { type SessionClientBench, sessionClient } from '../support/session-client-bench.ts'

/** A client that is connected over a WebSocket, with a new session. */
async function connected(...args: Parameters<typeof sessionClient>) {
  const bench = sessionClient(...args)
  await bench.pass(0)
  bench.network.socket.open()
  await bench.pass(0)
  bench.news()
  return bench
}

/** The same over another transport. */
async function asking(type: 'sse' | 'long-poll' | 'poll', options: RealtimeOptions = {}) {
  const bench = sessionClient({ transports: [type], ...options })
  await bench.pass(0)
  bench.network.receiving.open()
  await bench.pass(0)
  // The POST that confirms the turn.
  bench.network.sending.take(0)
  await bench.pass(0)
  bench.news()
  return bench
}

/** A client over an event stream, since the WebSocket was refused; it will be tried again after 30 s. */
async function fallenBack() {
  const bench = sessionClient({ transports: ['websocket', 'sse'] })
  await bench.pass(0)
  bench.network.socket.end(1006, '', false)
  await bench.pass(0)
  const stream = bench.network.receiving.open()
  await bench.pass(0)
  bench.network.sending.take(0)
  await bench.pass(0)
  bench.news()
  return { ...bench, bench, stream }
}

/** Passes time until the WebSocket is tried again. The server is alive: it is never silent, and answers POSTs. */
async function untilClimb({ network, pass }: SessionClientBench, stream: HandRequest, taken = 0) {
  while (network.sockets.length < 2) {
    stream.raw(':\n\n')
    if (!network.sending.isOver) network.sending.take(taken, 0)
    await pass(1000)
  }
}

const hello = ({ network }: SessionClientBench) => network.socket.hello

describe('opening', () => {
  it('[SP4] has `resumed: false` for a first session and for a lost one, and true for one that continues', async () => {
    const bench = sessionClient()
    await bench.pass(0)
    bench.network.socket.open()
    await bench.pass(10)
    bench.network.socket.end(1006)
    await bench.pass(1000)
    bench.network.socket.open({ resumed: true })
    await bench.pass(10)
    bench.network.socket.end(1006)
    await bench.pass(5000)
    bench.network.socket.open({ epoch: 'e2' })
    expect(bench.of('open').map(({ resumed }) => resumed)).toEqual([false, true, false])
  })

  it('sends a hello with a constant id of 128 bits, the number of the dial, and the cursor', async () => {
    const bench = await connected()
    bench.network.socket.say('m0.3:a')
    const first = hello(bench)
    bench.network.socket.end(1006)
    await bench.pass(1000)
    const second = hello(bench)
    expect(first.session).toMatch(/^[\w-]{22}$/)
    expect(second).toEqual({ ...first, k: first.k + 1, cursor: '0.3~e1' })
    expect(sessionClient().network.sockets).toEqual([])
  })

  it('[SP13] puts no id, no token and no payload into a URL, the report or an error', async () => {
    const bench = sessionClient({ prepare: () => ({ auth: 'the-token' }) })
    await bench.pass(0)
    bench.network.socket.open()
    bench.client.send('the-payload')
    await bench.pass(10)
    bench.network.socket.end(4503, '')
    await bench.pass(2000)
    const { session, auth } = hello(bench)
    expect(auth).toBe('the-token')
    const seen = [
      ...bench.network.sockets.map(({ url }) => url.href),
      JSON.stringify(bench.client.report()),
      JSON.stringify(bench.of('error').map(({ diagnosis }) => diagnosis)),
    ]
    for (const text of seen) for (const secret of [session, 'the-token', 'the-payload']) expect(text).not.toContain(secret)
  })

  it('[SP13] gets fresh credentials from prepare() once, and sends them on the open connection', async () => {
    const asked: boolean[] = []
    let release = () => {}
    const bench = sessionClient({
      prepare({ isRefresh }) {
        asked.push(isRefresh)
        return new Promise((resolve) => {
          release = () => resolve({ auth: `token ${asked.length}` })
        })
      },
    })
    await bench.pass(0)
    release()
    await bench.pass(0)
    bench.network.socket.open()
    await bench.pass(10)
    for (let n = 0; n < 3; n += 1) bench.network.socket.say('c{}')
    await bench.pass(10)
    release()
    await bench.pass(10)
    expect(asked).toEqual([false, true])
    expect(bench.network.socket.sent.filter((frame) => String(frame).startsWith('c'))).toEqual(['c{"auth":"token 2"}'])
    expect([bench.of('error'), bench.of('close'), bench.network.sockets.length]).toEqual([[], [], 1])
  })

  it('[SP13] keeps the connection when prepare() throws, and calls it again at the next request of the server', async () => {
    let calls = 0
    const bench = sessionClient({
      prepare() {
        calls += 1
        if (calls === 2) throw new Error('no network')
        return { auth: calls }
      },
    })
    await bench.pass(0)
    bench.network.socket.open()
    await bench.pass(10)
    bench.network.socket.say('c{}')
    await bench.pass(10)
    expect([bench.client.state.status, bench.of('error')]).toEqual(['open', []])
    bench.network.socket.say('c{}')
    await bench.pass(10)
    expect(bench.network.socket.sent.at(-1)).toBe('c{"auth":3}')
  })

  it('[SP15] puts a random name of its own into the URL of each attempt', async () => {
    const bench = await connected()
    bench.network.socket.end(1006)
    await bench.pass(1000)
    const names = bench.network.sockets.map(({ url }) => url.searchParams.get('attempt') ?? '')
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(name).toMatch(/^[\w-]{22}$/)
    expect(bench.network.sockets.map(({ url }) => [...url.searchParams.keys()])).toEqual([['attempt'], ['attempt']])
  })

  it('accepts an `open` with `lastEnd`', async () => {
    const bench = await connected()
    bench.network.socket.end(1006)
    await bench.pass(1000)
    bench.network.socket.open({ resumed: true, lastEnd: { by: 'network', code: 1006, reason: '' } })
    expect(bench.client.state.status).toBe('open')
  })
})

describe('messages', () => {
  it('[SP12] name the topic they were published to, or none', async () => {
    const bench = await connected()
    bench.network.socket.say('m0.1:to you', 's{"at":2,"stream":1,"topic":"chat:42","epoch":"k","from":6}', 'M[[1,7,"a","b"]]')
    expect(bench.of('message').map(({ topic, id, data, transport, name }) => [topic, id, data, transport, name])).toEqual([
      ['', '0.1', 'to you', 'websocket', 'message'],
      ['chat:42', '1.7', 'a', 'websocket', 'message'],
      ['chat:42', '1.8', 'b', 'websocket', 'message'],
    ])
  })

  it('[SP1] a listener that throws is reported, and does not stop the next messages', async () => {
    const bench = await connected()
    const mistake = new Error('mine')
    bench.client.onmessage = () => {
      throw mistake
    }
    bench.network.socket.say('M[[0,1,"a","b"]]', 'm0.2:b', 'm0.3:c')
    expect(bench.news()).toEqual([': a', ': b', ': c'])
    expect(bench.reported).toEqual([mistake, mistake, mistake])
  })

  it('[SP3] a gap frame raises a `gap` event', async () => {
    const bench = await connected()
    bench.network.socket.say('g{"stream":1,"topic":"chat","epoch":"k","after":4,"resumesAt":9}', 'm1.9:b')
    expect(bench.news()).toEqual(['gap in chat: 4 to 9', 'chat: b'])
    expect(bench.of('gap')[0]).toMatchObject({ type: 'gap', target: bench.client, topic: 'chat', after: 4, resumesAt: 9 })
  })

  it('[SP17] each message of a batch raises its own event, and none after a listener has closed the client', async () => {
    const bench = await connected()
    bench.client.addEventListener('message', ({ data }) => void (data === 'b' && bench.client.close()))
    bench.network.socket.say('M[[0,1,"a","b","c"]]', 'm0.4:d')
    expect(bench.news()).toEqual([': a', ': b', 'close 1000, final'])
    await bench.pass(0)
    bench.expectNothingLeft()
  })

  it('[SP2] flushed() resolves with the acknowledgment, and a message is sent again after a lost connection', async () => {
    const bench = await connected()
    bench.client.send('a')
    const flushed = bench.client.flushed()
    await bench.pass(0)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'm1:a'])
    bench.network.socket.end(1006)
    await bench.pass(1000)
    bench.network.socket.open({ resumed: true })
    await bench.pass(0)
    expect(bench.network.socket.texts).toEqual(['t2.0', 'm1:a'])
    expect(await outcomeOf(flushed)).toBe('pending')
    bench.network.socket.say('a1')
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('[SP10] a message that is too large is undelivered, and the queue continues', async () => {
    const bench = sessionClient()
    await bench.pass(0)
    bench.network.socket.open({ maxMessageBytes: 3 })
    bench.client.send('long')
    bench.client.send('abc')
    await bench.pass(0)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'm1:abc'])
    expect(bench.news()).toEqual(['open websocket', 'error client.too_large, undelivered long'])
  })
})

describe('reconnecting', () => {
  it('[SP18] a server without room is dialled exactly after its `retryAfterMs`', async () => {
    for (const code of [4429, 4503]) {
      const bench = await connected()
      for (const retryAfterMs of [700, 20, 9000]) {
        bench.network.socket.end(code, JSON.stringify({ reason: 'later', retryAfterMs }))
        await bench.pass(0)
        expect(bench.of('state').at(-1)?.state).toMatchObject({ status: 'waiting', retry: { delayMs: retryAfterMs } })
        await bench.pass(retryAfterMs)
        if (retryAfterMs > 1000) bench.network.socket.open()
      }
      expect(bench.network.sockets).toHaveLength(4)
    }
  })

  it('[SP18] the first retry is drawn from [0, retryWindowMs)', async () => {
    const delays: number[] = []
    for (const random of [0, 0.25, 0.999]) {
      const bench = await connected({}, { random })
      bench.network.socket.say('m0.1:a')
      await bench.pass(6000)
      bench.network.socket.end(1006)
      delays.push(bench.of('close')[0]?.retry?.delayMs ?? -1)
    }
    expect(delays).toEqual([0, 200, 799])
  })

  it("[SP18] the application's `retry` schedule replaces the retry window", async () => {
    const bench = await connected({ retry: { minDelayMs: 100 } }, { random: 0.5 })
    await bench.pass(6000)
    bench.network.socket.end(1006)
    await bench.pass(50)
    bench.network.socket.end(1006)
    expect(bench.of('error').map(({ retry }) => retry?.delayMs)).toEqual([50, 150])
  })

  it('[SP9] a server that restarts is not dialled before its `retryAfterMs`', async () => {
    const bench = await connected()
    bench.network.socket.end(4503, '{"reason":"restarting","retryAfterMs":7000}')
    expect(bench.news()).toEqual(['error close.4503', 'close 4503'])
    expect(bench.of('close')[0]?.retry?.delayMs).toBe(7000)
    await bench.pass(6999)
    expect(bench.network.sockets).toHaveLength(1)
    await bench.pass(1)
    expect(bench.network.sockets).toHaveLength(2)
  })

  it.each([4408, 4409, 4429, 4500, 1001, 1005, 1006, 4000])('[SP9] %i ends an attachment, not the session', async (code) => {
    const bench = await connected()
    bench.network.socket.end(code)
    await bench.pass(1000)
    expect([bench.network.sockets.length, bench.client.state.status]).toEqual([2, 'connecting'])
    expect(hello(bench).session).toBe(bench.network.sockets[0]?.hello.session)
  })

  it.each([4402, 4403, 4410, 4499, 4999])('[SP9] %i closes the client for good', async (code) => {
    const prepared: unknown[] = []
    const bench = await connected({
      prepare: () => {
        prepared.push(code)
        return {}
      },
    })
    bench.network.socket.end(code, '{"reason":"because"}')
    await bench.pass(60_000)
    expect(bench.client.state).toMatchObject({ status: 'closed', code, reason: 'because' })
    expect([bench.network.sockets.length, prepared.length]).toEqual([1, 1])
    bench.expectNothingLeft()
  })

  it('[SP9] a code of the application leads to a retry if judge() says so', async () => {
    const bench = await connected({ judge: ({ cause }) => (cause === 'close.4321' ? 'retry' : undefined) })
    bench.network.socket.end(4321)
    await bench.pass(1000)
    expect(bench.network.sockets).toHaveLength(2)
  })

  it('[SP9] 4400 leads once to a new session with the unacknowledged messages, and then closes the client', async () => {
    const bench = await connected()
    bench.client.send('a')
    await bench.pass(0)
    bench.network.socket.say('m0.9:x')
    const first = hello(bench)
    bench.network.socket.end(4400)
    await bench.pass(1000)
    const second = hello(bench)
    expect(second.session).not.toBe(first.session)
    expect(second).toEqual({ v: 1, session: second.session, k: 2, n: 1, last: 1 })
    bench.network.socket.open({ epoch: 'e2' })
    await bench.pass(0)
    expect([bench.network.socket.texts, bench.of('open').at(-1)?.resumed]).toEqual([['t2.1', 'm1:a'], false])
    bench.network.socket.end(4400)
    await bench.pass(60_000)
    expect([bench.client.state.status, bench.network.sockets.length]).toEqual(['closed', 2])
  })

  it('[SP9] 4400 for an attachment beside the open one leaves the session as it is', async () => {
    const { bench, stream } = await fallenBack()
    await untilClimb(bench, stream)
    const { session } = hello(bench)
    bench.network.socket.end(4400)
    stream.say('m0.1:a')
    if (!bench.network.sending.isOver) bench.network.sending.take(0)
    await bench.pass(1001)
    expect(bench.news()).toEqual(['error close.4400', ': a'])
    expect(bench.network.sending.hello).toMatchObject({ session, cursor: '0.1~e1' })
  })

  it('[SP9] 4401 leads once to another call of prepare(), and then closes the client', async () => {
    const asked: boolean[] = []
    const bench = sessionClient({
      prepare({ isRefresh }): Preparation {
        asked.push(isRefresh)
        return { auth: `token ${asked.length}` }
      },
    })
    await bench.pass(0)
    bench.network.socket.end(4401)
    await bench.pass(1000)
    expect([asked, hello(bench).auth]).toEqual([[false, true], 'token 2'])
    bench.network.socket.end(4401)
    await bench.pass(60_000)
    expect([asked.length, bench.client.state.status]).toEqual([2, 'closed'])
  })

  it('[SP9] 4401 closes a client without prepare() at once', async () => {
    const bench = sessionClient()
    await bench.pass(0)
    bench.network.socket.end(4401)
    await bench.pass(0)
    expect(bench.client.state).toMatchObject({ status: 'closed', code: 4401 })
  })

  it('[SP9] a problem document over HTTP has the same effect as its close code', async () => {
    const bench = sessionClient({ transports: ['sse'] })
    await bench.pass(0)
    bench.network.receiving.problem(503, 4503, { retryAfterMs: 3000 })
    await bench.pass(2999)
    expect(bench.network.requests).toHaveLength(1)
    await bench.pass(1)
    bench.network.receiving.problem(410, 4410, { reason: 'kicked' })
    await bench.pass(0)
    expect(bench.client.state).toMatchObject({ status: 'closed', code: 4410, reason: 'kicked' })
    bench.expectNothingLeft()
  })

  it('[SP8] a client whose session was ended meanwhile closes, and connect() begins a new session', async () => {
    const bench = await connected()
    const { session } = hello(bench)
    bench.network.socket.end(1006)
    await bench.pass(1000)
    bench.network.socket.end(4410, '{"reason":"kicked"}')
    await bench.pass(0)
    expect(bench.client.state).toMatchObject({ status: 'closed', reason: 'kicked' })
    bench.client.connect()
    await bench.pass(0)
    expect(hello(bench).session).not.toBe(session)
  })
})

describe('another server', () => {
  it.each<[string, Diagnosis['certainty'], (bench: SessionClientBench) => void]>([
    // A proxy may have removed the protocol from the handshake.
    ['does not name the protocol', 'likely', ({ network }) => network.socket.accept('')],
    [
      'begins with another frame',
      'certain',
      ({ network }) => {
        network.socket.accept()
        network.socket.say('welcome')
      },
    ],
  ])('that %s is diagnosed: %s', async (_, certainty, play) => {
    const bench = sessionClient()
    await bench.pass(0)
    play(bench)
    await bench.pass(0)
    const [error] = bench.of('error')
    expect(error?.diagnosis).toMatchObject({ cause: 'protocol-mismatch', certainty, verdict: 'fallback' })
    expect(error?.diagnosis.message).toContain('do not speak the same protocol')
    expect(bench.of('open')).toEqual([])
  })

  it.each([
    ['application/json', '{}'],
    ['text/html', '<p>'],
  ])('that answers %s %s on each transport is retried for ever: it may be a captive portal', async (contentType, body) => {
    const bench = sessionClient({ transports: ['websocket', 'long-poll'] })
    for (let seconds = 0; seconds < 600; seconds += 1) {
      await bench.pass(1000)
      const { sockets, requests } = bench.network
      if (sockets.at(-1)?.isClosed === false) bench.network.socket.accept('other')
      await bench.pass(0)
      if (requests.at(-1)?.isOver === false) bench.network.receiving.answer(200, contentType, body)
      await bench.pass(0)
    }
    expect(bench.client.state.status).not.toBe('closed')
    expect(bench.of('close')).toEqual([])
  })

  it('[SP5] that accepts a WebSocket and sends no `open` makes the client try the next transport, without loss', async () => {
    const bench = sessionClient({ transports: ['websocket', 'sse'], raceAfterMs: 300 })
    bench.client.send('a')
    await bench.pass(0)
    bench.network.socket.accept()
    await bench.pass(299)
    expect([bench.network.requests.length, bench.client.state.status]).toEqual([0, 'connecting'])
    await bench.pass(1)
    bench.network.receiving.open()
    await bench.pass(0)
    expect(bench.news()).toEqual(['open sse'])
    expect(bench.network.sending.lines).toEqual(['M[1,"a"]'])
  })
})

describe('moving', () => {
  it('[SP5] to a better transport loses and repeats no message; `transport` is raised, `close` is not', async () => {
    const { bench, stream } = await fallenBack()
    const { network } = bench
    expect(network.sends[0]?.hello).toMatchObject({ turn: 1, send: true })
    bench.client.send('a')
    stream.say('m0.1:one', 'm0.2:two')
    await bench.pass(0)
    expect(network.sending.lines).toEqual(['M[1,"a"]'])
    await untilClimb(bench, stream, 1)
    const { socket } = network
    expect(socket.hello).toMatchObject({ k: 3, n: 1, last: 1, cursor: '0.2~e1' })
    expect(socket.hello.turn).toBeUndefined()
    stream.say('m0.3:three')
    await bench.pass(0)
    bench.client.send('b')
    await bench.pass(0)
    const unanswered = network.sending
    expect(unanswered.lines).toEqual(['M[2,"b"]'])
    socket.open({ resumed: true, taken: 1, ack: 0 })
    // The overlap: both deliver.
    stream.say('m0.4:late')
    socket.say('m0.3:three', 'm0.4:four')
    await bench.pass(1000)
    expect(socket.texts).toEqual(['t2.0', 'm2:b', 'a0.4~e1'])
    expect([unanswered.isAborted, stream.isAborted]).toEqual([true, true])
    expect(bench.news()).toEqual([': one', ': two', ': three', 'from sse to websocket', ': four'])
  })

  it('[SP5] does not happen before `open`, whatever else the new attachment has received', async () => {
    const { bench, stream } = await fallenBack()
    await untilClimb(bench, stream)
    bench.network.socket.accept()
    await bench.pass(0)
    expect([stream.isAborted, bench.network.socket.texts]).toEqual([false, []])
    const quiet = await asking('sse')
    await quiet.pass(20_000)
    const beside = quiet.network.receiving.begin().raw(': padding\n\n')
    await quiet.pass(0)
    quiet.client.send('a')
    await quiet.pass(0)
    expect(quiet.network.sending.hello.k).toBe(1)
    beside.say(openFrame({ resumed: true }))
    quiet.network.sending.take(1)
    await quiet.pass(0)
    expect(quiet.network.sending.hello).toMatchObject({ k: 2, turn: 2 })
  })

  it('[SP5] that fails leaves the open connection as it is', async () => {
    const { bench, stream } = await fallenBack()
    await untilClimb(bench, stream)
    stream.say('m0.1:a')
    bench.network.socket.end(1006, '', false)
    stream.say('m0.2:b')
    await bench.pass(0)
    expect([bench.client.state.status, bench.client.state, stream.isAborted]).toEqual([
      'open',
      expect.objectContaining({ transport: 'sse' }),
      false,
    ])
    expect(bench.news()).toEqual(['error net.unreachable', ': a', ': b'])
  })

  it('[SP4] raises `open` with `resumed: false` if the new attachment finds the session lost', async () => {
    const bench = await connected()
    await bench.pass(20_000)
    // The server is gone without a close, and the one in its place does not know the session.
    expect(bench.network.sockets).toHaveLength(2)
    bench.network.socket.open({ epoch: 'e2' })
    await bench.pass(0)
    expect(bench.news()).toEqual(['open websocket'])
    expect(bench.of('open').at(-1)?.resumed).toBe(false)
  })

  it('[SP4] raises `open` when a long-poll finds the session lost, and sends unacknowledged messages again', async () => {
    const bench = await asking('long-poll')
    bench.network.receiving.end()
    bench.client.send('a')
    await bench.pass(0)
    bench.network.sending.take(1, 0)
    await bench.pass(0)
    bench.network.receiving.open({ epoch: 'e2', taken: 0 }).say('m0.1:new').end()
    await bench.pass(0)
    expect(bench.news()).toEqual(['open long-poll', ': new'])
    expect(bench.of('open').at(-1)?.resumed).toBe(false)
    expect(bench.network.sends.map(({ lines }) => lines)).toEqual([[], ['M[1,"a"]'], ['M[1,"a"]']])
  })
})

describe('silence', () => {
  it('[SP6] of a WebSocket leads to a ping after heartbeatMs, and to a new dial 5 s later', async () => {
    const bench = await connected()
    await bench.pass(14_999)
    expect(bench.network.socket.texts).toEqual(['t1.0'])
    await bench.pass(1)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'p'])
    await bench.pass(4999)
    expect(bench.network.sockets).toHaveLength(1)
    await bench.pass(1)
    expect(bench.network.sockets).toHaveLength(2)
    bench.network.socket.open({ resumed: true })
    await bench.pass(0)
    expect([bench.network.sockets.map(({ isClosed }) => isClosed), bench.of('close')]).toEqual([[true, false], []])
  })

  it('[SP6] is ended by any frame', async () => {
    const bench = await connected()
    await bench.pass(15_000)
    bench.network.socket.say('q')
    await bench.pass(14_999)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'p'])
    await bench.pass(1)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'p', 'p'])
    bench.network.socket.say('z')
    await bench.pass(10_000)
    expect(bench.network.sockets).toHaveLength(1)
  })

  it('[SP6] is checked by a ping at once after a wake-up, whose answer has 3 s', async () => {
    const bench = await connected()
    bench.signal('online')
    expect(bench.network.socket.texts).toEqual(['t1.0', 'p'])
    await bench.pass(2999)
    expect(bench.network.sockets).toHaveLength(1)
    await bench.pass(1)
    expect(bench.network.sockets).toHaveLength(2)
  })

  it('[SP6] of an event stream for heartbeatMs and 5 s leads to another request beside it', async () => {
    const bench = await asking('sse')
    const receiving = () => bench.network.requests.filter(({ isSend }) => !isSend)
    await bench.pass(19_999)
    expect(receiving()).toHaveLength(1)
    await bench.pass(1)
    expect(receiving()).toHaveLength(2)
  })

  it('[SP7] is checked by a ping if a message is not acknowledged in 3 s, whose answer has 3 s', async () => {
    const bench = await connected()
    bench.client.send('0123456789')
    await bench.pass(3000)
    expect(bench.network.socket.texts).toEqual(['t1.0', 'm1:0123456789'])
    await bench.pass(1)
    expect(bench.network.socket.texts.at(-1)).toBe('p')
    await bench.pass(3000)
    expect(bench.network.sockets).toHaveLength(1)
    await bench.pass(1)
    expect(bench.network.sockets).toHaveLength(2)
  })

  it('[SP7] is not assumed for a slow handler while pings are answered', async () => {
    const bench = await connected()
    bench.client.send('a')
    for (let seconds = 0; seconds < 30; seconds += 1) {
      await bench.pass(1000)
      if (bench.network.socket.texts.at(-1) === 'p') bench.network.socket.say('q')
    }
    const pings = bench.network.socket.texts.filter((text) => text === 'p')
    expect([bench.network.sockets.length, pings.length]).toEqual([1, expect.toSatisfy((count) => count >= 8 && count <= 10)])
  })

  it('[SP7] is assumed over HTTP if neither a POST nor the empty POST after it is answered', async () => {
    const bench = await asking('sse')
    bench.client.send('0123456789')
    await bench.pass(3500)
    expect([bench.news(), bench.network.sending.lines]).toEqual([[], []])
    await bench.pass(6000)
    expect(bench.news()).toEqual(['error conn.silent', 'close 1006'])
    await bench.pass(6000)
    bench.network.receiving.open({ resumed: true })
    await bench.pass(0)
    expect(bench.network.sending.lines).toEqual(['M[1,"0123456789"]'])
  })
})

describe('hanging up', () => {
  it('[SP8] happens on pagehide, and the session continues on pageshow', async () => {
    const bench = await connected()
    bench.signal('pagehide')
    expect(bench.network.socket.isClosed).toBe(true)
    await bench.pass(60_000)
    expect(bench.network.sockets).toHaveLength(1)
    bench.signal({ type: 'pageshow', persisted: true })
    await bench.pass(2000)
    expect(hello(bench).session).toBe(bench.network.sockets[0]?.hello.session)
  })

  it('[SP11] happens when an async iterator falls behind, and the session continues when it has read everything', async () => {
    const bench = await connected()
    const messages = bench.client[Symbol.asyncIterator]()
    const texts = Array.from({ length: 1001 }, (_, index) => `${index}`)
    bench.network.socket.say(`M${JSON.stringify([[0, 1, ...texts]])}`)
    await bench.pass(0)
    expect(bench.network.socket.isClosed).toBe(true)
    for (const text of texts) expect((await messages.next()).value?.data).toBe(text)
    await bench.pass(2000)
    expect(hello(bench).cursor).toBe('0.1001~e1')
    bench.network.socket.open({ resumed: true })
    bench.network.socket.say('m0.1002:next')
    expect((await messages.next()).value?.data).toBe('next')
  })
})

describe('close()', () => {
  it("[SP8] ends the session with the application's code and reason, or with 1000", async () => {
    const bench = await connected()
    await expect(bench.client.close(3007, 'bye')).resolves.toEqual({ unsent: [], unconfirmed: [] })
    expect(bench.network.socket.closes[0]).toEqual([3007, 'bye'])
    const other = await connected()
    await other.client.close()
    expect(other.network.socket.closes[0]?.[0]).toBe(1000)
  })

  it('[SP8] posts an `x` frame over HTTP', async () => {
    const bench = await asking('sse')
    const closing = bench.client.close(3007, 'bye')
    expect([bench.network.sending.lines, bench.network.sending.init.keepalive]).toEqual([['x{"code":3007,"reason":"bye"}'], true])
    bench.network.sending.take(0)
    await closing
    bench.expectNothingLeft()
  })

  it.each([
    ['waits to retry', () => {}],
    ['is offline', ({ signal }: SessionClientBench) => signal('offline')],
    ['is connecting', ({ pass }: SessionClientBench) => pass(2000)],
    ['is in a hidden page', ({ signal }: SessionClientBench) => signal('pagehide')],
  ])('[SP8] without an attachment posts `x` once, after the unacknowledged messages, while the client %s', async (_, go) => {
    const bench = await connected({ prepare: () => ({ auth: 'a token' }) })
    bench.client.send('a')
    await bench.pass(0)
    bench.network.socket.end(1006)
    await bench.pass(0)
    await go(bench)
    bench.client.send('b')
    const { session, k } = bench.network.sockets[0]?.hello ?? {}
    const closing = bench.client.close(3007, 'bye')
    const { hello, lines, init, url } = bench.network.sending
    expect([lines, init.keepalive]).toEqual([['M[1,"a","b"]', 'x{"code":3007,"reason":"bye"}'], true])
    expect(hello).toMatchObject({ session, k, n: 1, send: true, auth: 'a token' })
    expect(url.pathname).toBe('/realtime')
    bench.network.sending.take(2)
    expect(await closing).toEqual({ unsent: [], unconfirmed: [] })
    await bench.client.close()
    await bench.pass(5000)
    expect(bench.network.sends).toHaveLength(1)
    bench.expectNothingLeft()
  })

  it('[SP8] gives up an unanswered last POST after 5 s, and reports its messages as unconfirmed', async () => {
    const bench = await connected()
    bench.network.socket.end(1006)
    await bench.pass(0)
    bench.client.send('a')
    const closing = bench.client.close()
    await bench.pass(5000)
    expect(await closing).toEqual({ unsent: [], unconfirmed: ['a'] })
    bench.expectNothingLeft()
  })

  it.each([
    ['there are no messages', [], { unsent: [], unconfirmed: [] }],
    ['its message is too long', ['x'.repeat(40_000)], { unsent: ['x'.repeat(40_000)], unconfirmed: [] }],
  ] as const)('[SP8] without an attachment posts `x` and does not wait for the answer if %s', async (_, sent, left) => {
    const bench = await connected()
    bench.network.socket.end(1006)
    await bench.pass(0)
    for (const each of sent) bench.client.send(each)
    const closing = bench.client.close()
    expect(bench.network.sending.lines).toEqual(['x{"code":1000,"reason":""}'])
    await expect(outcomeOf(closing)).resolves.toBe('resolved')
    expect(await closing).toEqual(left)
    await bench.pass(5000)
    bench.expectNothingLeft()
  })

  it('[SP8] does not let the pending `x` of a session affect the next session', async () => {
    const bench = await connected()
    bench.network.socket.end(1006)
    await bench.pass(0)
    await bench.client.close()
    bench.client.connect()
    await bench.pass(0)
    bench.network.socket.open({ epoch: 'e2', taken: 0, ack: 0 })
    bench.client.send('new')
    await bench.pass(0)
    bench.network.sends[0]?.break()
    await bench.pass(6000)
    expect(bench.network.socket.texts).toContainEqual('m1:new')
    expect(bench.of('error')).toHaveLength(1)
  })

  it('[SP8] posts nothing if the server has never opened the session, or has ended it', async () => {
    const bench = sessionClient()
    await bench.pass(0)
    bench.network.socket.end(1006)
    await bench.pass(0)
    await bench.client.close()
    const ended = await connected()
    ended.network.socket.end(4410, 'over')
    await ended.client.close()
    expect([...bench.network.sends, ...ended.network.sends]).toEqual([])
  })

  it('[SP8] closes the socket at once while the page is unloaded, and posts the messages and `x` as well', async () => {
    const bench = await connected()
    bench.signal('leaving')
    bench.client.send('bye')
    const closing = bench.client.close()
    expect(bench.network.socket.texts).toEqual(['t1.0', 'm1:bye'])
    expect(bench.network.socket.closes[0]?.[0]).toBe(1000)
    expect([bench.network.sending.lines, bench.network.sending.init.keepalive]).toEqual([
      ['M[1,"bye"]', 'x{"code":1000,"reason":""}'],
      true,
    ])
    bench.network.sending.take(1)
    expect(await closing).toEqual({ unsent: [], unconfirmed: [] })
  })

  it.each(['leaving', 'pagehide'] as const)(
    '[SP8] stops waiting for the acknowledgment of its last write when the page is unloaded (%s)',
    async (signal) => {
      const bench = await connected()
      bench.client.send('bye')
      const closing = bench.client.close()
      await bench.pass(0)
      expect(bench.network.socket.isClosed).toBe(false)
      bench.signal(signal)
      await promised()
      expect(bench.network.socket.closes[0]?.[0]).toBe(1000)
      expect(bench.network.sending.lines).toEqual(['M[1,"bye"]', 'x{"code":1000,"reason":""}'])
      bench.network.sending.take(1)
      await closing
      bench.expectNothingLeft()
    },
  )

  it('[SP8] over HTTP posts the messages of a pending POST again when the page is unloaded', async () => {
    const bench = await asking('sse')
    bench.client.send('a')
    await bench.pass(0)
    const first = bench.network.sending
    const closing = bench.client.close()
    await bench.pass(0)
    expect(bench.network.sends.filter(({ isOver }) => !isOver)).toEqual([first])
    bench.signal('leaving')
    await promised()
    const { lines, init } = bench.network.sending
    expect([lines, init.keepalive]).toEqual([['M[1,"a"]', 'x{"code":1000,"reason":""}'], true])
    bench.network.sending.take(1)
    first.take(1)
    expect(await closing).toEqual({ unsent: [], unconfirmed: [] })
    bench.expectNothingLeft()
  })

  it('and connect() begin a new session: another id, no cursor, numbers that continue, nothing redelivered', async () => {
    const bench = await connected()
    const { session } = hello(bench)
    bench.client.send('a')
    await bench.pass(0)
    bench.network.socket.say('a1', 'm0.1:x')
    await bench.client.close()
    bench.client.connect()
    await bench.pass(0)
    expect(hello(bench)).toEqual({ v: 1, session: expect.not.stringContaining(session), k: 2, n: 2, last: 1 })
    bench.network.socket.open({ epoch: 'e2', taken: 1, ack: 1 })
    bench.client.send('b')
    await bench.pass(0)
    bench.network.socket.say('m0.1:y')
    expect([bench.network.socket.texts, bench.of('message').map(({ data }) => data)]).toEqual([
      ['t2.1', 'm2:b'],
      ['x', 'y'],
    ])
    expect(bench.of('open').map(({ resumed }) => resumed)).toEqual([false, false])
  })

  it('keeps a POST that is still pending out of the session after it', async () => {
    const bench = await asking('sse')
    bench.client.send('old')
    await bench.pass(0)
    const posting = bench.network.sending
    const closed = bench.client.close()
    bench.client.connect()
    bench.client.send('new')
    await bench.pass(0)
    bench.network.receiving.open({ epoch: 'e2', taken: 1, ack: 1 })
    await bench.pass(0)
    const { hello: next, lines } = bench.network.sending
    expect([lines, next.n, next.session === posting.hello.session]).toEqual([['M[2,"new"]'], 2, false])
    bench.network.sending.take(2)
    posting.break()
    await bench.pass(0)
    expect(await closed).toEqual({ unsent: [], unconfirmed: ['old'] })
    // No `x` of the old session may end the new one.
    expect(bench.network.sends.filter((request) => request.lines.some((line) => line.startsWith('x')))).toEqual([])
    await expect(outcomeOf(bench.client.flushed())).resolves.toBe('resolved')
  })

  const states: readonly (readonly [string, RealtimeOptions, (bench: SessionClientBench) => Promise<void>])[] = [
    ['before it dials', {}, async () => {}],
    ['while it prepares', { prepare: () => new Promise(() => {}) }, ({ pass }) => pass(10)],
    ['while it connects', {}, ({ pass }) => pass(10)],
    ['while it races', { transports: ['websocket', 'sse', 'long-poll', 'poll'], raceAfterMs: 10 }, ({ pass }) => pass(100)],
    [
      'after the handshake and before `open`',
      {},
      async ({ pass, network }) => {
        await pass(0)
        network.socket.accept()
      },
    ],
    [
      'while it is open and waits for a pong',
      {},
      async ({ pass, network, client }) => {
        await pass(0)
        network.socket.open()
        client.send('a')
        network.socket.say('m0.1:b')
        await pass(4000)
      },
    ],
    [
      'with a second attachment beside it',
      {},
      async ({ pass, network }) => {
        await pass(0)
        network.socket.open()
        await pass(21_000)
        expect(network.sockets).toHaveLength(2)
      },
    ],
    [
      'while it waits',
      {},
      async ({ pass, network }) => {
        await pass(0)
        network.socket.end(4503, '{"retryAfterMs":60000}')
        await pass(10)
      },
    ],
    [
      'while it is offline',
      {},
      async ({ pass, network, signal }) => {
        await pass(0)
        network.socket.open()
        signal('offline')
        network.socket.end(1006)
        await pass(10)
      },
    ],
    [
      'after pagehide',
      {},
      async ({ pass, network, signal }) => {
        await pass(0)
        network.socket.open()
        signal('pagehide')
      },
    ],
    [
      'after it stopped',
      {},
      async ({ pass, network }) => {
        await pass(0)
        network.socket.end(4410)
        await pass(0)
      },
    ],
    ...(['sse', 'long-poll', 'poll'] as const).map(
      (type) =>
        [
          `while it is open over ${type}`,
          { transports: [type] },
          async ({ pass, network, client }: SessionClientBench) => {
            await pass(0)
            network.receiving.open()
            if (type !== 'sse') network.receiving.end()
            await pass(0)
            client.send('a')
            await pass(10)
          },
        ] as const,
    ),
  ]
  it.each(states)('%s leaves no timer, socket or request', async (_, options, play) => {
    const bench = sessionClient(options)
    await play(bench)
    const closed = bench.client.close()
    await bench.pass(5000)
    await closed
    bench.expectNothingLeft()
    await bench.pass(600_000)
    bench.expectNothingLeft()
    expect(bench.client.state.status).toBe('closed')
  })
})

describe('an idle page', () => {
  /** How often a page is woken in ten minutes: by timers, and by traffic in both directions. */
  async function wakeUps(bench: SessionClientBench, traffic: () => number, beat: () => void, answer = () => {}): Promise<number> {
    let timers = 0
    const after = bench.clock.after.bind(bench.clock)
    bench.clock.after = (delayMs, run) =>
      after(delayMs, () => {
        timers += 1
        run()
      })
    const before = traffic()
    let beats = 0
    for (let halfSeconds = 1; halfSeconds <= 1200; halfSeconds += 1) {
      await bench.pass(500)
      answer()
      if (halfSeconds % 47 > 0) continue
      beat()
      beats += 1
    }
    expect(bench.of('close')).toEqual([])
    return beats + timers + traffic() - before
  }

  it('[SP6] is woken at most six times a minute over a WebSocket', async () => {
    const bench = await connected()
    bench.network.socket.say(openFrame({ heartbeatMs: 25_000 }))
    await bench.pass(10_000)
    const { socket } = bench.network
    const count = await wakeUps(
      bench,
      () => socket.texts.length,
      () => socket.say('p'),
    )
    expect(count).toBeLessThanOrEqual(60)
    expect(socket.texts.filter((text) => text === 'q').length).toBeGreaterThan(24)
  })

  it('[SP6] is woken at most six times a minute over an event stream', async () => {
    const bench = sessionClient({ transports: ['sse'] })
    await bench.pass(0)
    const stream = bench.network.receiving.open({ heartbeatMs: 25_000 })
    await bench.pass(0)
    bench.network.sending.take(0)
    await bench.pass(10_000)
    // Each POST is answered, which wakes the page once more.
    const answered = () => 2 * bench.network.requests.length
    const count = await wakeUps(
      bench,
      answered,
      () => stream.raw(':\n\n'),
      () => {
        if (!bench.network.sending.isOver) bench.network.sending.take(0, 0)
      },
    )
    expect(count).toBeLessThanOrEqual(60)
  })

  it('[SP6] still pings a silent server after heartbeatMs, and dials again 5 s later', async () => {
    const bench = await connected()
    bench.network.socket.say(openFrame({ heartbeatMs: 25_000 }))
    for (let times = 0; times < 4; times += 1) {
      await bench.pass(23_500)
      bench.network.socket.say('p')
    }
    await bench.pass(26_000)
    expect(bench.network.socket.texts.at(-1)).toBe('p')
    expect(bench.network.sockets).toHaveLength(1)
    await bench.pass(5000)
    expect(bench.network.sockets).toHaveLength(2)
  })
})
