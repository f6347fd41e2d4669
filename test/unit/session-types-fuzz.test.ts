import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RealtimeEvent } from '../../src/api/events.ts'
import type { TransportName } from '../../src/api/options.ts'
import { openFrame } from '../support/hand-network.ts'
import { seedOf } from '../support/seeded.ts'
import { type SessionClientBench, sessionClient } from '../support/session-client-bench.ts'

const seed = seedOf(process.env)
/** A failure prints the seed, and `SEED=… FUZZ_RUNS=…` repeats it. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 500)
const timeout = 60_000 + numRuns * 20

/** Values of each JSON type, among them some that cannot be converted to a text. */
const anyJson = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, '', '7', 'text', [], [1], ['e1'], {}, { toString: 1, valueOf: 1 }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Well-formed frames and answers; of each one member is replaced. */
const open = JSON.parse(openFrame({ lastEnd: { by: 'server', code: 4503, reason: 'restarting' } }).slice(1))
const close = { code: 4503, reason: 'restarting', retryAfterMs: 10 }
const frames: readonly (readonly [letter: string, json: object])[] = [
  ['o', open],
  ['s', { at: 1, stream: 1, topic: 'chat', epoch: 'k', from: 0 }],
  ['u', { at: 1, stream: 1 }],
  ['g', { stream: 0, topic: '', epoch: 'e2', after: 1, resumesAt: 9 }],
  ['h', { retryWindowMs: 800, comingBytes: 9 }],
  ['x', close],
  ['M', [[0, 1, 'a', 'b']]],
]

const changed = (json: object): fc.Arbitrary<unknown> =>
  fc.tuple(fc.constantFrom(...pathsOf(json)), anyJson).map(([path, value]) => replaced(json, path, value))
const anyFrame = fc.constantFrom(...frames).chain(([letter, json]) => changed(json).map((odd) => letter + JSON.stringify(odd)))
const anyAnswer = fc
  .constantFrom({ steadfast: 'v1', taken: 0, ack: 0 }, { steadfast: 'v1', status: 503, ...close })
  .chain(changed)
  .map((odd) => JSON.stringify(odd))
const anyReason = changed(close).map((odd) => JSON.stringify(odd))

type Path = readonly (string | number)[]

function pathsOf(json: unknown, path: Path = []): Path[] {
  if (typeof json !== 'object' || !json) return [path]
  return Object.entries(json).flatMap(([name, value]) => [[...path, name], ...pathsOf(value, [...path, name])])
}

function replaced(json: unknown, [name, ...path]: Path, value: unknown): unknown {
  if (name === undefined) return value
  if (Array.isArray(json)) return json.map((each, index) => (String(index) === name ? replaced(each, path, value) : each))
  return { ...(json as object), [name]: replaced((json as Record<string, unknown>)[name], path, value) }
}

/** The application was given values of the types that its events declare, whatever was received. */
function expectTyped(event: RealtimeEvent): void {
  switch (event.type) {
    case 'message':
      expect([typeof event.id, typeof event.topic]).toEqual(['string', 'string'])
      expect(typeof event.data === 'string' || event.data instanceof ArrayBuffer).toBe(true)
      break
    case 'gap':
      expect([typeof event.topic, typeof event.resumesAt]).toEqual(['string', 'number'])
      expect(event.after === null || Number.isSafeInteger(event.after)).toBe(true)
      break
    case 'close':
      expect([typeof event.code, typeof event.reason]).toEqual(['number', 'string'])
      expect(event.retry?.delayMs ?? 0).toBeLessThanOrEqual(86_400_000)
      break
    case 'error':
    case 'diagnosis': {
      const { message, evidence, cause } = event.diagnosis
      expect(`${message} ${cause}`).not.toMatch(/\[object|undefined|NaN/)
      if (evidence.kind === 'closed') expect([typeof evidence.code, typeof evidence.reason]).toEqual(['number', 'string'])
      if (evidence.lastEnd) expect([typeof evidence.lastEnd.reason, typeof evidence.lastEnd.by]).toEqual(['string', 'string'])
      expect(evidence.retryAfterMs ?? 0).toBeLessThanOrEqual(86_400_000)
      break
    }
    default:
  }
}

async function expectSane(bench: SessionClientBench): Promise<void> {
  await bench.pass(0)
  const { status } = bench.client.state
  expect(['connecting', 'open', 'waiting', 'closed']).toContain(status)
  // No timer is overdue.
  expect(bench.clock.nextAt).toBeGreaterThanOrEqual(bench.clock.now())
  if (status !== 'closed') expect(bench.clock.nextAt).toBeLessThan(Infinity)
  for (const event of bench.events) expectTyped(event)
  const closed = bench.client.close()
  await bench.pass(5000)
  await closed
  bench.expectNothingLeft()
}

/** A client in a session whose server sends these frames, after `open` or instead of it. */
async function told(type: TransportName, isOpen: boolean, said: readonly string[]): Promise<SessionClientBench> {
  const bench = sessionClient({ transports: [type] }, { random: 0.5 })
  bench.client.send('a')
  await bench.pass(0)
  const { network } = bench
  if (type === 'websocket') {
    if (isOpen) network.socket.open()
    else network.socket.accept()
    network.socket.say(...said)
  } else {
    const answer = network.receiving.begin()
    answer.say(...(isOpen ? [openFrame()] : []), ...said)
    await bench.pass(0)
    if (!answer.isAborted && type !== 'sse') answer.end()
  }
  await bench.pass(0)
  return bench
}

const anyType = fc.constantFrom<TransportName>('websocket', 'sse', 'long-poll', 'poll')

it('no member of a frame, of whatever type, does more than end the attachment', { timeout }, async () => {
  const property = fc.asyncProperty(anyType, fc.boolean(), fc.array(anyFrame, { maxLength: 3 }), async (type, isOpen, said) =>
    expectSane(await told(type, isOpen, said)),
  )
  await fc.assert(property, { seed, numRuns })
})

it('no member of an answer to a POST, of whatever type, does more than end the attachment', { timeout }, async () => {
  const property = fc.asyncProperty(
    fc.constantFrom<TransportName>('sse', 'long-poll', 'poll'),
    fc.constantFrom(200, 403, 503),
    anyAnswer,
    async (type, status, body) => {
      const bench = await told(type, true, [])
      bench.network.sending.answer(status, 'application/json', body)
      await expectSane(bench)
    },
  )
  await fc.assert(property, { seed, numRuns })
})

it('no member of a refusal, of whatever type, does more than end the attachment', { timeout }, async () => {
  const property = fc.asyncProperty(
    anyType,
    fc.constantFrom(200, 403, 503),
    fc.oneof(anyAnswer, anyReason),
    async (type, status, body) => {
      const bench = sessionClient({ transports: [type] }, { random: 0.5 })
      await bench.pass(0)
      if (type === 'websocket') bench.network.socket.end(4000 + (status === 200 ? 0 : status), body)
      else bench.network.receiving.answer(status, 'application/problem+json', body)
      await expectSane(bench)
    },
  )
  await fc.assert(property, { seed, numRuns })
})

it('no member of an answer of the ledger, of whatever type, breaks the client', { timeout }, async () => {
  const ledger = { steadfast: 'v1', scope: 'all', sawRequest: true, sawUpgrade: true, verdict: 4503, offeredProtocols: ['a'] }
  const property = fc.asyncProperty(changed(ledger), async (odd) => {
    const bench = sessionClient({ transports: ['websocket'], probe: true }, { random: 0.5 })
    await bench.pass(0)
    bench.network.socket.end(1006, '', false)
    await bench.pass(0)
    bench.questions.of('readable').json(odd)
    bench.questions.answerAll()
    await expectSane(bench)
  })
  await fc.assert(property, { seed, numRuns: Math.ceil(numRuns / 3) })
})
