import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Report } from '../../src/api/evidence.ts'
import { spreadMsOf } from '../../src/session/open-frame.ts'
import { sessionLongPoll, sessionPoll, sessionSse } from '../../src/session/over-http.ts'
import { sessionWebsocket } from '../../src/session/over-websocket.ts'
import { binaryFrame, openFrame } from '../support/hand-network.ts'
import { promised } from '../support/manual-host.ts'
import { seedOf } from '../support/seeded.ts'
import { type SessionClientBench, sessionClient } from '../support/session-client-bench.ts'
import { dialSession, type SessionDial } from '../support/session-dial.ts'

const seed = seedOf(process.env)
/** A failure prints the seed, and `SEED=… FUZZ_RUNS=…` repeats it. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 10_000)
const timeout = 60_000 + numRuns * 10

const anyCount = fc.oneof(fc.nat(12), fc.constantFrom(2 ** 53 - 1, 2 ** 53, 1e21, -1, 0.5))
const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('', '1', '1e9', 'NaN', '__proto__', -0, 1e308, null, [], {}, [[]], '\ud800'),
)
const anyText = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 12 }))
const anyEpoch = fc.constantFrom('e1', 'e2', 'k7')
const subscribed = fc.record({ at: anyCount, stream: fc.nat(4), topic: anyText, epoch: anyEpoch, from: anyCount })
const gap = fc.record({ stream: fc.nat(4), topic: anyText, epoch: anyEpoch, after: fc.option(anyCount), resumesAt: anyCount })
const run = fc.tuple(fc.nat(3), anyCount, anyText, anyText)

/** Well-formed frames, some with numbers out of range. */
const soundFrame = fc.oneof(
  fc.tuple(fc.nat(3), anyCount, anyText).map(([stream, offset, text]) => `m${stream}.${offset}:${text}`),
  fc.array(run, { maxLength: 3 }).map((runs) => `M${JSON.stringify(runs)}`),
  fc
    .tuple(fc.nat(3), anyCount, fc.uint8Array({ maxLength: 9 }))
    .map(([stream, offset, bytes]) => `b${stream}.${offset}:${Buffer.from(bytes).toString('base64')}`),
  subscribed.map((value) => `s${JSON.stringify(value)}`),
  subscribed.map(({ at, stream }) => `u${JSON.stringify({ at, stream })}`),
  gap.map((value) => `g${JSON.stringify(value)}`),
  fc.tuple(fc.nat(3), anyCount).map(([stream, offset]) => `B${stream}.${offset}`),
  anyCount.map((n) => `a${n}`),
  anyCount.map((n) => `r${n}`),
  fc.record({ comingBytes: anyCount }).map((value) => `h${JSON.stringify(value)}`),
  fc.record({ epoch: anyEpoch, taken: anyCount, ack: anyCount }).map((more) => openFrame(more)),
  fc.constantFrom('p', 'q', openFrame(), openFrame({ epoch: 'e2' })),
)

/** Valid JSON with wrong values in it. */
const oddFrame = fc.oneof(
  fc.tuple(fc.constantFrom(...'oMsughxabB'), oddValue).map(([letter, value]) => letter + JSON.stringify(value)),
  fc
    .tuple(
      fc.constantFrom(...'osughx'),
      fc.dictionary(fc.constantFrom(...memberNames()), fc.oneof(oddValue, anyCount), { maxKeys: 8 }),
    )
    .map(([letter, value]) => letter + JSON.stringify(value)),
  fc
    .tuple(fc.constantFrom(...memberNames()), oddValue)
    .map(([name, value]) => `o${JSON.stringify({ ...JSON.parse(openFrame().slice(1)), [name]: value })}`),
)

/** A well-formed frame with a few characters removed, inserted or replaced. */
const mutatedFrame = fc
  .tuple(
    soundFrame,
    fc.array(fc.tuple(fc.nat(60), fc.constantFrom('', ...'.:,~"[]{}0-e\n\0é'), fc.nat(2)), { minLength: 1, maxLength: 3 }),
  )
  .map(([frame, changes]) =>
    changes.reduce(
      (text, [at, put, cut]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + cut),
      frame,
    ),
  )

const textFrame = fc.oneof(soundFrame, oddFrame, mutatedFrame, anyText)
const bytesFrame = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => new Uint8Array(bytes).buffer),
  fc
    .tuple(fc.nat(3), anyCount, fc.uint8Array({ maxLength: 9 }))
    .map(([stream, offset, bytes]) => binaryFrame(`${stream}.${offset}`, ...bytes)),
  anyText.map((place) => binaryFrame(place, 1)),
)

function memberNames(): string[] {
  return [
    ...[
      'k',
      'epoch',
      'taken',
      'ack',
      'heartbeatMs',
      'maxMessageBytes',
      'retryWindowMs',
      'at',
      'stream',
      'topic',
      'from',
      'after',
    ],
    ...['resumesAt', 'code', 'reason', 'retryAfterMs', 'comingBytes', '__proto__'],
  ]
}

const cursorShape = /^(\d{1,16}\.\d{1,16}~[\w-]+(,\d{1,16}\.\d{1,16}~[\w-]+)*)?$/
const kinds = ['mismatch', 'closed', 'ended', 'broken', 'answered', 'silent']

/** Whatever was received: the cursor can be sent, no duration is negative, and at most one known report was made. */
function expectSane({ session, said }: SessionDial): void {
  expect(session.cursor).toMatch(cursorShape)
  expect(session.graceMs()).toBeGreaterThanOrEqual(0)
  expect(spreadMsOf(session.opened) ?? 0).toBeGreaterThanOrEqual(0)
  const reports = said.filter((each): each is Report => typeof each === 'object' && !Array.isArray(each))
  expect(reports.length).toBeLessThanOrEqual(1)
  for (const { kind, retryAfterMs } of reports) {
    expect(kinds).toContain(kind)
    if (retryAfterMs !== undefined) expect(retryAfterMs).toBeGreaterThan(0)
  }
}

it('no frame over a WebSocket throws, breaks the cursor or leaves a timer', { timeout }, () => {
  const property = fc.property(
    fc.boolean(),
    fc.array(fc.oneof({ weight: 3, arbitrary: textFrame }, { weight: 1, arbitrary: bytesFrame }), { maxLength: 8 }),
    (isOpen, frames) => {
      const bench = dialSession(sessionWebsocket)
      if (isOpen) bench.network.socket.open()
      else bench.network.socket.accept()
      bench.network.socket.say(...frames)
      expectSane(bench)
      bench.hangUp()
      expect(bench.clock.pending).toBe(0)
    },
  )
  fc.assert(property, { seed, numRuns })
})

it('no bytes of an HTTP answer throw, break the cursor or leave a timer', { timeout }, async () => {
  const ways = fc.constantFrom(
    sessionSse,
    (...[session]: Parameters<typeof sessionSse>) => sessionLongPoll(session, 9000),
    (...[session]: Parameters<typeof sessionSse>) => sessionPoll(session, 5000, 9000),
  )
  const chunk = fc.oneof(
    { weight: 4, arbitrary: textFrame.map((frame) => `data: ${frame}\n\n`) },
    { weight: 1, arbitrary: textFrame },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\n\n', '\r', 'data', 'data:', 'event: x\n', 'id: 1\n', 'retry: 5\n', ': c\n\n', '\ufeff'),
    },
  )
  const property = fc.asyncProperty(
    ways,
    fc.boolean(),
    fc.array(chunk, { maxLength: 6 }),
    fc.boolean(),
    async (make, isOpen, chunks, isEnded) => {
      const bench = dialSession(make)
      const answer = bench.network.receiving
      if (isOpen) answer.open()
      else answer.begin()
      for (const text of chunks) answer.raw(text)
      if (isEnded) answer.end()
      await promised()
      expectSane(bench)
      bench.hangUp()
      await promised()
      expect(bench.clock.pending).toBe(0)
    },
  )
  await fc.assert(property, { seed, numRuns })
})

it('no answer to a POST with messages throws or breaks the cursor', { timeout }, async () => {
  const body = fc.oneof(
    oddValue.map((value) => JSON.stringify(value)),
    fc
      .dictionary(fc.constantFrom('steadfast', ...memberNames()), oddValue)
      .map((value) => JSON.stringify({ steadfast: 'v1', ...value })),
    anyText,
  )
  const type = fc.constantFrom('application/json', 'application/problem+json', 'text/html', '', 'text/event-stream')
  const property = fc.asyncProperty(
    fc.constantFrom(200, 400, 413, 503),
    type,
    body,
    fc.boolean(),
    async (status, contentType, text, isSend) => {
      const bench = dialSession(sessionSse)
      const request = isSend ? bench.link.write('M[1,"a"]', new AbortController().signal) : undefined
      const { receiving, sends } = bench.network
      const asked = isSend ? sends[0] : receiving
      asked?.answer(status, contentType, text)
      await promised()
      if (request) expect(['sent', 'unconfirmed']).toContain((await request).outcome)
      expectSane(bench)
      bench.hangUp()
      await promised()
    },
  )
  await fc.assert(property, { seed, numRuns: Math.ceil(numRuns / 4) })
})

/** A client that is not closed has a timer, which is not overdue. */
function expectTimer({ clock, client }: SessionClientBench): void {
  expect(clock.nextAt).toBeGreaterThanOrEqual(clock.now())
  if (client.state.status !== 'closed') expect(clock.nextAt).toBeLessThan(Infinity)
}

it('a client survives any frames of its server: it reconnects, and leaves no timer or socket', { timeout }, async () => {
  const property = fc.asyncProperty(fc.array(textFrame, { maxLength: 6 }), async (frames) => {
    const bench = sessionClient({}, { random: 0.5 })
    await bench.pass(0)
    bench.network.socket.open({ retryWindowMs: 100 })
    bench.client.send('a')
    await bench.pass(0)
    bench.network.socket.say(...frames)
    bench.client.send('b')
    await bench.pass(0)
    expectTimer(bench)
    const numbers = bench.network.socket.texts.flatMap((text) => /^m(\d+|NaN|Infinity):/.exec(text)?.[1] ?? [])
    for (const n of numbers) expect(Number(n)).toBeLessThanOrEqual(2)
    bench.network.socket.end(1006)
    await bench.pass(0)
    expect(bench.network.socket.isClosed || bench.client.state.status !== 'closed').toBe(true)
    expectTimer(bench)
    void bench.client.close()
    // The last write may outlive the client by 5 s.
    await bench.pass(5000)
    bench.expectNothingLeft()
  })
  await fc.assert(property, { seed, numRuns: Math.ceil(numRuns / 10) })
})
