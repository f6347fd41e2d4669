import { describe, expect, it } from 'vitest'
import type { Transport } from '../../src/api/transport.ts'
import { sessionLongPoll, sessionPoll, sessionSse } from '../../src/session/over-http.ts'
import { sessionWebsocket } from '../../src/session/over-websocket.ts'
import type { SessionState } from '../../src/session/session-state.ts'
import { binaryFrame, openFrame } from '../support/hand-network.ts'
import { promised } from '../support/manual-host.ts'
import { dialSession, type SessionDial } from '../support/session-dial.ts'

const mismatch = (detail: string) => ({ kind: 'mismatch', detail })
const notOpen = mismatch('its first frame opens no session')
const longPoll = (session: SessionState) => sessionLongPoll(session, 10_000)
const poll = (session: SessionState) => sessionPoll(session, 5000, 10_000)
const viaHttp: readonly (readonly [string, (session: SessionState) => Transport])[] = [
  ['sse', sessionSse],
  ['long-poll', longPoll],
  ['poll', poll],
]
/** No timer, request or socket is left. */
function expectNothing({ clock, network }: SessionDial) {
  expect(clock.pending).toBe(0)
  expect(
    network.requests.filter(({ isAborted }) => !isAborted).length + network.sockets.filter(({ isClosed }) => !isClosed).length,
  ).toBe(0)
}

describe('a WebSocket', () => {
  it('is offered the protocol and the hello, and its URL gets only the name of the attempt', () => {
    const { network } = dialSession(sessionWebsocket, { auth: { token: 'ü?>~' } })
    const { url, offered, hello } = network.socket
    expect(url.href).toBe('wss://api.example/realtime?tenant=7&attempt=random-name')
    expect(offered).toEqual(['steadfast.v1', expect.stringMatching(/^s\.[\w-]+$/)])
    expect(hello).toEqual({ v: 1, session: 'a-session-of-the-tests', k: 3, n: 1, last: 0, auth: { token: 'ü?>~' } })
  })

  it('is open with its first frame, not with its handshake, and reports the round trip', () => {
    const { network, clock, said, link } = dialSession(sessionWebsocket)
    clock.advance(300)
    network.socket.accept()
    expect([said, link.taken?.()]).toEqual([[], 0])
    clock.advance(50)
    network.socket.say(openFrame({ taken: 9 }))
    expect([said, link.taken?.()]).toEqual([['heard', 'opened in 100'], 9])
  })

  it('reads every frame, and answers a ping', () => {
    const { network, news } = dialSession(sessionWebsocket)
    network.socket.open()
    network.socket.say('m0.1:a', 'M[[0,2,"b","c"]]', binaryFrame('0.4', 0, 10), 'b0.5:AA==', 'z unknown', 'p')
    expect(news()).toEqual(['opened in 0', '0.1: a', '0.2: b', '0.3: c', ['0.4', [0, 10]], ['0.5', [0]]])
    expect(network.socket.sent).toEqual(['q'])
  })

  it('[SP5] sends the turn as soon as it is chosen, before other frames', () => {
    const { network, link } = dialSession(sessionWebsocket)
    network.socket.open()
    link.choose?.(7)
    link.write('m1:a', new AbortController().signal)
    expect(network.socket.sent).toEqual(['t7.0', 'm1:a'])
  })

  it.each(['', 'other.v2'])('that selects the subprotocol %j is a mismatch', (protocol) => {
    const { network, said, clock } = dialSession(sessionWebsocket)
    network.socket.accept(protocol)
    expect(said).toEqual([{ ...mismatch('the handshake does not name it'), isHandshake: true }])
    expect([network.socket.isClosed, clock.pending]).toEqual([true, 0])
  })

  it.each<[string, string | ArrayBuffer]>([
    ['a message', 'm0.1:a'],
    ['a text of another protocol', '{"type":"welcome"}'],
    ['bytes', binaryFrame('0.1', 1)],
    ['nothing', ''],
  ])('whose first frame is %s is a mismatch', (_, frame) => {
    const { network, news } = dialSession(sessionWebsocket)
    network.socket.accept()
    network.socket.say(frame)
    expect([news(), network.socket.isClosed]).toEqual([[notOpen], true])
  })

  it.each(['o{}', 'o', 'onull'])('whose open frame is %j is a mismatch', (frame) => {
    const { network, news } = dialSession(sessionWebsocket)
    network.socket.accept()
    network.socket.say(frame)
    expect(news()).toEqual([mismatch('a frame could not be read')])
  })

  it('ends at a malformed frame, and ignores later frames', () => {
    const { network, news } = dialSession(sessionWebsocket)
    network.socket.open()
    network.socket.say('M[', 'm0.1:a')
    expect(news()).toEqual(['opened in 0', mismatch('a frame could not be read')])
  })

  it.each([
    [4503, '{"reason":"restarting","retryAfterMs":4200}', { reason: 'restarting', retryAfterMs: 4200 }],
    [4410, '{"reason":"kicked"}', { reason: 'kicked' }],
    [4429, '{"retryAfterMs":10}', { reason: '', retryAfterMs: 10 }],
    [4401, 'no token', { reason: 'no token' }],
    [4400, '', { reason: '' }],
    [4400, '{"reason":', { reason: '{"reason":' }],
    [4400, '{"reason":{"toString":1}}', { reason: '{"reason":{"toString":1}}' }],
    [4503, '{"reason":"late","retryAfterMs":1e300}', { reason: 'late', retryAfterMs: 86_400_000 }],
    [4503, '{"reason":"late","retryAfterMs":"9"}', { reason: '{"reason":"late","retryAfterMs":"9"}' }],
    [1006, '', { reason: '', wasClean: false }],
  ])('[SP9] closed with %i %j reports what its reason contains', (code, reason, more) => {
    const { network, said, clock } = dialSession(sessionWebsocket)
    network.socket.end(code, reason, code !== 1006)
    expect(said).toEqual([{ kind: 'closed', code, wasClean: true, hasErred: false, ...more }])
    expect(clock.pending).toBe(0)
  })

  it('closed with a reason that is JSON without an object reports it as it is', () => {
    const { network, said } = dialSession(sessionWebsocket)
    network.socket.end(4001, 'null')
    expect(said).toEqual([{ kind: 'closed', code: 4001, reason: 'null', wasClean: true, hasErred: false }])
  })

  it('reads bare bytes whose offset came in the frame before', () => {
    const { network, news } = dialSession(sessionWebsocket)
    network.socket.open()
    network.socket.say('B0.1', 'h{"comingBytes":9}', new Uint8Array([48, 46, 50, 10]).buffer, 'B', binaryFrame('0.2', 7))
    expect(news().slice(1)).toEqual([
      ['0.1', [48, 46, 50, 10]],
      ['0.2', [7]],
    ])
    network.socket.say('B1.7', new ArrayBuffer(1), new ArrayBuffer(2), 'm0.3:x', new ArrayBuffer(3), 'B', binaryFrame('0.4', 7))
    expect(news()).toEqual(['0.3: x', ['0.4', [7]]])
    network.socket.say('B0.5', binaryFrame('', 7), binaryFrame('', 8), 'B0.9', binaryFrame('', 9), binaryFrame('', 10))
    expect(news().map((each) => (each as [string])[0])).toEqual(['0.5', '0.6', '0.9', '0.10'])
    network.socket.say('B0', new ArrayBuffer(2))
    expect(news().at(-1)).toEqual(mismatch('a frame could not be read'))
  })

  it('that is hung up leaves no timer or socket, and reports nothing more', () => {
    const bench = dialSession(sessionWebsocket)
    bench.network.socket.open()
    bench.hangUp()
    bench.network.socket.say('m0.1:late')
    bench.network.socket.end(1000)
    expect(bench.news()).toEqual(['opened in 0'])
    expectNothing(bench)
  })
})

describe.each(viaHttp)('%s', (type, make) => {
  it('sends a POST with the hello as its body and the attempt in its URL, without cache and redirects', async () => {
    const { network } = dialSession(make, { auth: 'secret' })
    const { url, init, hello, lines } = network.receiving
    expect(url.href).toBe('https://api.example/realtime?tenant=7&attempt=random-name')
    expect(init).toMatchObject({ method: 'POST', credentials: 'include', cache: 'no-store', redirect: 'error' })
    // A form needs no preflight.
    expect([typeof init.body, init.headers, lines]).toEqual([
      'string',
      { 'Content-Type': expect.stringMatching(/^multipart\/form-data; boundary=[\w-]{10,70}$/) },
      [],
    ])
    const wait = type === 'sse' ? {} : { wait: 0 }
    expect(hello).toEqual({ v: 1, session: 'a-session-of-the-tests', k: 3, n: 1, last: 0, auth: 'secret', ...wait })
  })

  it('is open with its first frame, and reads the next ones', async () => {
    const { network, link, news } = dialSession(make)
    network.receiving.begin().raw(': padding\n\n')
    await promised()
    expect(news()).toEqual([])
    network.receiving.say(openFrame({ taken: 4 }), 'M[[0,1,"a\\nb","c"]]', 'b0.3:AAo=', 'z unknown')
    await promised()
    expect([news(), link.taken?.()]).toEqual([['opened', '0.1: a\nb', '0.2: c', ['0.3', [0, 10]]], 4])
  })

  it('counts any bytes as a sign of life', async () => {
    const { network, said } = dialSession(make)
    network.receiving.open().raw(':\n\n')
    await promised()
    network.receiving.raw(':')
    await promised()
    expect(said.filter((each) => each === 'heard').length).toBeGreaterThanOrEqual(2)
    expect(said.at(-1)).toBe('heard')
  })

  it.each([
    ['a message', 'm0.1:a'],
    ['an event of another protocol', '{"type":"welcome"}'],
  ])('reports a mismatch for a first frame that is %s', async (_, frame) => {
    const { network, news } = dialSession(make)
    network.receiving.begin().say(frame)
    await promised()
    expect(news()).toEqual([notOpen])
  })

  it.each(['o{', 'o{}', 'onull'])('reports a mismatch for the open frame %j', async (frame) => {
    const { network, news } = dialSession(make)
    network.receiving.begin().say(frame)
    await promised()
    expect(news()).toEqual([mismatch('a frame could not be read')])
  })

  it.each([
    ['text/plain', 'Hello'],
    ['application/json', '{"hello":1}'],
    ['application/json', 'no JSON'],
    ['application/json', 'null'],
  ])('reports a mismatch for an answer of %s (%s)', async (contentType, body) => {
    const { network, news } = dialSession(make)
    network.receiving.answer(200, contentType, body)
    await promised()
    expect(news()).toEqual([mismatch('the answer is none of steadfast.v1')])
  })

  it('reports an HTML page by its type and its start, since a proxy may have sent it', async () => {
    const { network, news, clock } = dialSession(make)
    const body = `<p>${'Hello '.repeat(20)}`
    network.receiving.answer(200, 'text/html; charset=utf-8', body)
    await promised()
    const start = body.slice(0, 80)
    expect(news()).toEqual([{ kind: 'answered', status: 200, contentType: 'text/html; charset=utf-8', start }])
    expect(clock.pending).toBe(0)
  })

  it('reports a mismatch for a marked answer that is no event stream', async () => {
    const { network, news } = dialSession(make)
    network.receiving.take(0)
    await promised()
    expect(news()).toEqual([mismatch('the answer is no event stream')])
  })

  it('[SP9] reports a problem document as a close with its code', async () => {
    const { network, news } = dialSession(make)
    network.receiving.problem(503, 4503, { reason: 'restarting', retryAfterMs: 4200 })
    await promised()
    expect(news()).toEqual([{ kind: 'closed', code: 4503, reason: 'restarting', wasClean: true, retryAfterMs: 4200 }])
  })

  it('reports a problem document without the marker by its HTTP status', async () => {
    const { network, news } = dialSession(make)
    network.receiving.answer(502, 'application/problem+json', '{"status":502}')
    await promised()
    expect(news()).toEqual([{ kind: 'answered', status: 502, contentType: 'application/problem+json' }])
  })

  it('[SP9] reports an `x` frame as a close', async () => {
    const { network, news } = dialSession(make)
    network.receiving.open().say('m0.1:a', 'x{"code":4410,"reason":"kicked"}', 'm0.2:b')
    await promised()
    expect(news()).toEqual(['opened', '0.1: a', { kind: 'closed', code: 4410, reason: 'kicked', wasClean: true }])
  })

  it('ends at a malformed frame', async () => {
    const { network, news } = dialSession(make)
    network.receiving.open().say('M[', 'm0.1:a')
    await promised()
    expect(news()).toEqual(['opened', mismatch('a frame could not be read')])
  })

  it('reports a broken connection, if it polls only the fourth in a row', async () => {
    const { network, news, link, pass } = dialSession(make)
    const loss = { kind: 'broken', detail: 'TypeError', isBody: true }
    for (let breaks = 0; breaks < (link.tellsCursor ? 4 : 1); breaks += 1) {
      network.receiving.open({ resumed: breaks > 0 })
      await promised()
      network.receiving.break()
      await pass(breaks < 3 && link.tellsCursor ? 2000 : 0)
    }
    expect(news().filter((each) => each !== 'opened')).toEqual([loss])
  })

  it('leaves no timer or request when it is hung up, and reports nothing more', async () => {
    const bench = dialSession(make)
    bench.network.receiving.open()
    await promised()
    bench.hangUp()
    await promised()
    expect(bench.news()).toEqual(['opened'])
    expectNothing(bench)
  })

  it('is unsupported without fetch', async () => {
    const bench = dialSession(make)
    const { host } = bench
    const said: unknown[] = []
    const controller = new AbortController()
    const ignored = () => {}
    make(bench.session).dial(
      {
        url: new URL('https://api.example/'),
        sendUrl: new URL('https://api.example/'),
        headers: {},
        subprotocols: [],
        id: 1,
        attempt: 'a',
        credentials: 'include' as const,
        cursor: () => null,
        host,
        signal: controller.signal,
        protocol: {
          ask: () => ({}),
          readFrame: () => [],
          readEvent: () => [],
          readAnswer: () => ({ messages: [] }),
        },
      },
      { opened: ignored, heard: ignored, received: ignored, moved: ignored, failed: (report) => void said.push(report) },
    )
    await promised()
    expect(said).toEqual([{ kind: 'unsupported', detail: 'fetch' }])
  })

  it('[SP2] sends with `send` in the hello, and reads from the answer what is taken and acknowledged', async () => {
    const { session, network, link } = dialSession(make)
    const told: unknown[] = []
    session.port = {
      isAwaited: () => false,
      onAcked: (n) => void told.push(`acked ${n}`),
      onRewind: (n) => void told.push(`back ${n}`),
      onAckOwed() {},
      onGap() {},
      onCall() {},
      onUnsubscribed() {},
    }
    network.receiving.open().say('m0.7:a')
    await promised()
    session.sent = { first: 5, last: 9, bytesUnderWay: 0 }
    link.choose?.(4)
    const delivery = link.write('M[5,"a"]\nw6', new AbortController().signal)
    const { hello, lines, init } = network.sending
    expect(hello).toEqual({
      v: 1,
      session: 'a-session-of-the-tests',
      k: 3,
      n: 5,
      last: 9,
      cursor: '0.7~e1',
      turn: 4,
      send: true,
    })
    expect([lines, init.keepalive, init.redirect]).toEqual([['M[5,"a"]', 'w6'], false, 'error'])
    network.sending.take(9, 7)
    expect([await delivery, told]).toEqual([{ outcome: 'sent' }, ['acked 7', 'back 9']])
  })

  it.each<[string, (dial: SessionDial) => void, object]>([
    [
      'a problem document',
      ({ network }) => network.sending.problem(413, 4413, { reason: 'too large' }),
      { kind: 'closed', code: 4413, reason: 'too large', wasClean: true },
    ],
    ['an answer of another server', ({ network }) => network.sending.answer(502, '', ''), { kind: 'answered', status: 502 }],
    [
      'an answer without the marker',
      ({ network }) => network.sending.answer(200, 'text/plain', ''),
      { kind: 'answered', status: 200, contentType: 'text/plain' },
    ],
    [
      'an HTML page',
      ({ network }) => network.sending.answer(200, 'text/html', '<p>Hello'),
      { kind: 'answered', status: 200, contentType: 'text/html', start: '<p>Hello' },
    ],
    ['a broken connection', ({ network }) => network.sending.break(), { kind: 'broken', detail: 'TypeError' }],
    [
      'an answer without numbers',
      ({ network }) => network.sending.answer(200, 'application/json', '{"steadfast":"v1"}'),
      mismatch('a frame could not be read'),
    ],
    ['an ack of what was never sent', ({ network }) => network.sending.take(0, 5), mismatch('a frame could not be read')],
    ['numbers that are texts', ({ network }) => network.sending.take('0' as never), mismatch('a frame could not be read')],
    [
      'a problem whose reason is no text',
      ({ network }) => network.sending.problem(503, 4503, { reason: { toString: 1, valueOf: 1 } as never }),
      mismatch('a frame could not be read'),
    ],
    [
      'a problem with an endless retryAfterMs',
      ({ network }) => network.sending.problem(503, 4503, { retryAfterMs: 1e300 }),
      { kind: 'closed', code: 4503, reason: '', wasClean: true, retryAfterMs: 86_400_000 },
    ],
    [
      'JSON of more than 64 KiB',
      ({ network }) => network.sending.answer(200, 'application/json', `"${'x'.repeat(2 ** 16)}"`),
      { kind: 'oversized' },
    ],
  ])('reports a POST that is answered by %s as unconfirmed', async (_, play, report) => {
    const bench = dialSession(make)
    bench.network.receiving.open()
    await promised()
    const delivery = bench.link.write('M[1,"a"]', new AbortController().signal)
    play(bench)
    expect(await delivery).toEqual({ outcome: 'unconfirmed', report: expect.objectContaining(report) })
  })

  it('sends the last POST with keepalive', () => {
    const { network, link } = dialSession(make)
    link.write('x{"code":1000}', new AbortController().signal, true)
    expect(network.sending.init.keepalive).toBe(true)
  })

  it.each([
    [65_000, true],
    [66_000, false],
  ])('sends the last POST with keepalive only if it is short enough: %i bytes', (bytes, keepalive) => {
    const { network, link } = dialSession(make)
    link.write(`m1:${'€'.repeat(bytes / 3)}`, new AbortController().signal, true)
    expect(network.sending.init.keepalive).toBe(keepalive)
  })

  it.each([
    ['fits', 65_300, true],
    ['is too long', 65_536, false],
    ['is too long in UTF-8', 'ä'.repeat(33_000), false],
  ])('sends a hello only if its auth fits: one that %s', async (_, auth, isSent) => {
    const { network, news } = dialSession(make, { auth: typeof auth === 'number' ? 'x'.repeat(auth) : auth })
    await promised()
    expect(network.requests.length).toBe(isSent ? 1 : 0)
    const detail = expect.stringMatching(/^prepare\(\) returned auth that makes the hello \d+ bytes long; 65536 are allowed$/)
    expect(news()).toEqual(isSent ? [] : [{ kind: 'unprepared', isMistake: true, detail }])
  })
})

describe('an event stream', () => {
  it('that ends without an `x` frame is reported as ended', async () => {
    const { network, news } = dialSession(sessionSse)
    network.receiving.open()
    await promised()
    network.receiving.end()
    await promised()
    expect(news()).toEqual(['opened', { kind: 'ended' }])
    expect(network.requests).toHaveLength(1)
  })

  it('has no timeout of its own: its caller judges silence', async () => {
    const { network, clock, pass, news } = dialSession(sessionSse)
    network.receiving.open()
    await pass(600_000)
    expect([news(), clock.pending]).toEqual([['opened'], 0])
  })
})

describe('long-poll', () => {
  it('has no wait at first and then heartbeatMs, asks at once after a message, and sends the turn', async () => {
    const { network, link, pass, news } = dialSession(longPoll)
    network.receiving.open({ heartbeatMs: 12_000 }).end()
    await promised()
    link.choose?.(5)
    await pass(0)
    expect(network.requests.map(({ hello }) => hello.wait)).toEqual([0, 12_000])
    network.receiving.open({ resumed: true }).say('m0.1:a').end()
    await pass(0)
    expect(network.requests.map(({ hello: { wait, turn, cursor } }) => [wait, turn, cursor])).toEqual([
      [0, undefined, undefined],
      // This request was sent before the turn was chosen.
      [12_000, undefined, '0.0~e1'],
      [15_000, 5, '0.1~e1'],
    ])
    expect(news()).toEqual(['opened', '0.1: a'])
  })

  it('pauses a second after an answer that came early and was empty', async () => {
    const { network, pass } = dialSession(longPoll)
    network.receiving.open().end()
    await pass(0)
    network.receiving.open({ resumed: true }).end()
    await pass(999)
    expect(network.requests).toHaveLength(2)
    await pass(1)
    expect(network.requests).toHaveLength(3)
    await pass(15_000)
    network.receiving.open({ resumed: true }).end()
    await pass(0)
    expect(network.requests).toHaveLength(4)
  })

  it('asks at once after an answer whose acknowledgment a POST beside it has brought already', async () => {
    const { session, network, pass } = dialSession(longPoll)
    session.sent = { first: 1, last: 1, bytesUnderWay: 0 }
    network.receiving.open().end()
    await pass(0)
    session.readReceipt(1, 1)
    session.sent = { first: 2, last: 1, bytesUnderWay: 0 }
    network.receiving.open({ resumed: true, taken: 1, ack: 1 }).end()
    await pass(0)
    expect(network.requests).toHaveLength(3)
    network.receiving.open({ resumed: true, taken: 1, ack: 1 }).end()
    await pass(999)
    expect(network.requests).toHaveLength(3)
  })

  it('[SP6] reports silence when nothing came for its wait and 5 s', async () => {
    const bench = dialSession(longPoll)
    bench.network.receiving.open().end()
    await bench.pass(19_999)
    expect(bench.news()).toEqual(['opened'])
    await bench.pass(1)
    expect(bench.news()).toEqual([{ kind: 'silent' }])
    expect(bench.network.receiving.isAborted).toBe(true)
  })

  it('[SP6] counts any bytes as a sign of life: a large answer over a slow link is not cut off', async () => {
    const { network, pass, news } = dialSession(longPoll)
    network.receiving.open().end()
    await pass(14_000)
    network.receiving.begin()
    for (const part of [openFrame({ resumed: true }), 'm0.1:a']) {
      network.receiving.say(part)
      await pass(15_000)
    }
    network.receiving.end()
    await pass(0)
    expect(news()).toEqual(['opened', '0.1: a'])
  })

  it('[SP6] reports silence for a first answer that begins and never ends', async () => {
    const { network, pass, news } = dialSession(longPoll)
    network.receiving.open()
    await pass(14_999)
    expect(news()).toEqual(['opened'])
    await pass(1)
    expect(news()).toEqual([{ kind: 'silent' }])
  })

  it('[SP2] has messages sent again that a dead node had taken, if an answer has a lower `taken`', async () => {
    const { session, network, pass } = dialSession(longPoll)
    const told: unknown[] = []
    session.port = {
      isAwaited: () => false,
      onAcked() {},
      onRewind: (n) => void told.push(n),
      onAckOwed() {},
      onGap() {},
      onCall() {},
      onUnsubscribed() {},
    }
    network.receiving.open({ taken: 7 }).end()
    await pass(0)
    network.receiving.open({ resumed: true, taken: 5 }).end()
    await pass(0)
    expect(told).toEqual([5])
  })

  it('[SP4] opens anew at an answer with another epoch', async () => {
    const { network, link, pass, news } = dialSession(longPoll)
    network.receiving.open({ taken: 7 }).end()
    await pass(0)
    network.receiving.open({ epoch: 'e2', taken: 5 }).say('m0.1:a').end()
    await pass(0)
    expect([news(), link.taken?.()]).toEqual([['opened', 'opened', '0.1: a'], 5])
  })

  it('ends a pause at pollNow(), but aborts no request', async () => {
    const { network, link, pass } = dialSession(longPoll)
    network.receiving.open().end()
    await pass(0)
    link.pollNow?.()
    await pass(0)
    expect([network.requests.length, network.receiving.isAborted]).toEqual([2, false])
    network.receiving.open({ resumed: true }).end()
    await pass(100)
    link.pollNow?.()
    await pass(0)
    expect(network.requests).toHaveLength(3)
  })
})

describe('poll', () => {
  it('asks every interval plus a random fifth, without a wait, and six times as rarely in a hidden page', async () => {
    const { network, pass, signal } = dialSession(poll)
    network.receiving.open().end()
    await pass(5499)
    expect(network.requests).toHaveLength(1)
    await pass(1)
    expect(network.requests.map(({ hello }) => hello.wait)).toEqual([0, 0])
    signal('hidden')
    network.receiving.open({ resumed: true }).say('m0.1:a').end()
    await pass(32_999)
    expect(network.requests).toHaveLength(2)
    await pass(1)
    expect(network.requests).toHaveLength(3)
  })

  it('asks at once at pollNow()', async () => {
    const { network, link, pass } = dialSession(poll)
    network.receiving.open().end()
    await pass(10)
    link.pollNow?.()
    await pass(0)
    expect(network.requests).toHaveLength(2)
  })

  it('reports silence if an answer does not end in time', async () => {
    const { network, pass, news } = dialSession(poll)
    network.receiving.open().end()
    await pass(15_499)
    expect(news()).toEqual(['opened'])
    await pass(1)
    expect(news()).toEqual([{ kind: 'silent' }])
  })

  it('reports silence if an answer ignores the abort, and cancels its body', async () => {
    const { network, pass, news } = dialSession(poll)
    const request = network.receiving.open()
    request.isDeaf = true
    await pass(10_000)
    expect([news(), request.isCancelled]).toEqual([['opened', { kind: 'silent' }], true])
  })

  it('reports a timeout, and no silence, if its first request ignores the abort', async () => {
    const { network, pass, news } = dialSession(poll)
    network.receiving.isDeaf = true
    await pass(10_000)
    expect(news()).toEqual([{ kind: 'timeout' }])
  })
})
