import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ClientFrame, readBinary, readCursor, readFrame, readHello } from '../../src/server/delivery/parse-frames.ts'
import type { Payload } from '../../src/server/store/ports.ts'
import { framesOf, linesOf, type Numbered } from '../../src/session/frames.ts'
import { cursorText, maxHelloBytes, type Place } from '../../src/wire/steadfast-v1.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 10_000)
/** A failure prints the seed, and `SEED=… FUZZ_RUNS=…` repeats it. */
const fuzz = <Inputs extends [unknown, ...unknown[]]>(property: fc.IProperty<Inputs>) => fc.assert(property, { seed, numRuns })
const timeout = 60_000 + numRuns

const anyNumber = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.maxSafeInteger().map((n) => Math.abs(n) || 1),
)
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }), fc.constant('\ud800,\r\n"'))
const anyBytes = fc.uint8Array({ maxLength: 40 })
const anyEpoch = fc.stringMatching(/^[\w-]{1,20}$/)
const anyPlaces = fc.dictionary(
  fc.nat(300).map(String),
  fc.record({ offset: fc.maxSafeInteger().map(Math.abs), epoch: anyEpoch }),
  {
    maxKeys: 20,
  },
)
const anyCursor = anyPlaces.map((places) =>
  Object.entries(places).map(([stream, place]): [number, Place] => [Number(stream), place]),
)
const anySession = fc.stringMatching(/^[\w-]{22}$/)
const anyHello = fc.record(
  {
    v: fc.constant(1),
    session: anySession,
    k: anyNumber,
    n: anyNumber,
    turn: anyNumber,
    cursor: anyCursor.map(cursorText),
    wait: fc.nat(60_000),
    send: fc.constant(true),
    auth: fc.jsonValue({ maxDepth: 2 }),
    unknown: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['v', 'session', 'k', 'n'] },
)

/** Messages as a client numbers them: consecutively, with some withdrawn. */
const anyMessages = fc
  .tuple(
    fc.integer({ min: 1, max: 2 ** 40 }),
    fc.array(
      fc.oneof(
        anyText,
        anyBytes.map((bytes) => new Uint8Array(bytes).buffer),
        fc.constant(null),
      ),
      { maxLength: 8 },
    ),
  )
  .map(([first, datas]): Numbered[] => datas.map((data, index) => ({ n: first + index, data })))

const anyFrame = fc.oneof(
  anyMessages.map((messages) => linesOf(messages)[0] ?? 'p'),
  fc.tuple(anyNumber, anyText).map(([n, text]) => `m${n}:${text}`),
  anyNumber.map((n) => `w${n}`),
  anyNumber.map((n) => `t${n}`),
  anyCursor.map((cursor) => `a${cursorText(cursor)}`),
  fc
    .record({ code: fc.integer({ min: 1000, max: 4999 }), reason: fc.string({ maxLength: 20 }) })
    .map((close) => `x${JSON.stringify(close)}`),
  fc.constantFrom('p', 'q'),
)

interface Edit {
  readonly at: number
  readonly length: number
  readonly insert: string
}
const anyEdits = fc.array(
  fc.record({
    at: fc.nat(60),
    length: fc.nat(3),
    insert: fc.oneof(
      fc.constant(''),
      fc.string({ maxLength: 2 }),
      fc.constantFrom('9007199254740993', '1e999', '-0', '[', '{', '=', '~', ',', ':', '\n', '\0', '__proto__'),
    ),
  }),
  { minLength: 1, maxLength: 3 },
)
const edited = (text: string, edits: readonly Edit[]) =>
  edits.reduce((now, { at, length, insert }) => now.slice(0, at) + insert + now.slice(at + length), text)

const isPositive = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0
const isCursor = (cursor: ReadonlyMap<number, Place>) =>
  [...cursor].every(
    ([stream, { offset, epoch }]) =>
      Number.isSafeInteger(stream) && stream >= 0 && Number.isSafeInteger(offset) && offset >= 0 && /^[\w-]+$/.test(epoch),
  )

/** Whether the result for an input is sound: null, or a frame whose members have their types. */
function isSound(frame: ClientFrame | null): boolean {
  if (frame === null) return true
  switch (frame.type) {
    case 'messages': {
      const { first, payloads } = frame
      const isData = (data: unknown) => typeof data === 'string' || data instanceof Uint8Array
      return isPositive(first) && isPositive(first + payloads.length - 1) && payloads.length > 0 && payloads.every(isData)
    }
    case 'withdrawn':
      return isPositive(frame.n)
    case 'turn':
      return isPositive(frame.turn)
    case 'ack':
      return isCursor(frame.cursor)
    case 'close':
      return Number.isSafeInteger(frame.close.code) && Buffer.byteLength(frame.close.reason ?? '') <= 123
    default:
      return ['credentials', 'ping', 'pong', 'unknown', 'too-many-messages'].includes(frame.type)
  }
}

function isSoundHello(text: string): boolean {
  const hello = readHello(text)
  if (hello === null) return true
  const { session, k, n, turn, wait, send, cursor } = hello
  return (
    /^[\w-]{22}$/.test(session) &&
    [k, n, turn ?? 1].every(isPositive) &&
    (wait === undefined || (Number.isSafeInteger(wait) && wait >= 0)) &&
    (send === undefined || send === true) &&
    isCursor(cursor)
  )
}

/** The messages of some frames, by number. */
function messagesOf(frames: readonly (ClientFrame | null)[]): [n: number, data: Payload | null][] {
  return frames.flatMap((frame): [number, Payload | null][] => {
    if (frame?.type === 'messages') return frame.payloads.map((data, index) => [frame.first + index, data])
    return frame?.type === 'withdrawn' ? [[frame.n, null]] : []
  })
}
const plain = (data: Payload | ArrayBuffer | null) =>
  typeof data === 'string' || data === null ? data : [...new Uint8Array(data)]
const read = (frame: string | ArrayBuffer) => (typeof frame === 'string' ? readFrame(frame) : readBinary(new Uint8Array(frame)))

describe('the server reads what a client writes:', () => {
  it.each([
    ['WebSocket frames', framesOf],
    ['lines of a POST', linesOf],
  ])('messages as %s', { timeout }, (_, written) => {
    fuzz(
      fc.property(anyMessages, (messages) => {
        const frames = written(messages)
        for (const frame of frames) if (written === linesOf) expect(frame).not.toMatch(/[\r\n]/)
        const got = messagesOf(frames.map(read)).map(([n, data]) => [n, plain(data)])
        expect(got).toEqual(messages.map(({ n, data }) => [n, plain(data)]))
      }),
    )
  })

  it('cursors', { timeout }, () => {
    fuzz(
      fc.property(anyCursor, (cursor) => {
        expect(readCursor(cursorText(cursor))).toEqual(new Map(cursor))
        expect(readFrame(`a${cursorText(cursor)}`)).toEqual({ type: 'ack', cursor: new Map(cursor) })
      }),
    )
  })

  it('hellos', { timeout }, () => {
    fuzz(
      fc.property(anyHello, (hello) => {
        const text = JSON.stringify(hello)
        const { v, session, k, n, cursor = '', turn, wait, send, auth } = hello
        if (Buffer.byteLength(text) > maxHelloBytes) expect(readHello(text)).toBeNull()
        else {
          const got = readHello(text)
          expect(got).toMatchObject({ v, session, k, n, cursor: readCursor(cursor) })
          expect([got?.turn, got?.wait, got?.send]).toEqual([turn, wait, send])
          expect(JSON.stringify(got?.auth)).toBe(JSON.stringify(auth))
        }
      }),
    )
  })
})

describe('any other input is refused or ignored, and never throws:', () => {
  it.each<[string, fc.Arbitrary<string>]>([
    ['any text', fc.string({ unit: 'binary', maxLength: 60 })],
    [
      'any text behind the letter of a known frame',
      fc.tuple(fc.constantFrom(...'mMbTwtacxpq'), anyText).map((parts) => parts.join('')),
    ],
    ['any JSON behind a letter', fc.tuple(fc.constantFrom(...'Mxbc'), fc.json({ maxDepth: 3 })).map((parts) => parts.join(''))],
    ['frames with random edits', fc.tuple(anyFrame, anyEdits).map(([frame, edits]) => edited(frame, edits))],
    ['truncated frames', fc.tuple(anyFrame, fc.nat(60)).map(([frame, length]) => frame.slice(0, length))],
  ])('%s as a text frame', { timeout }, (_, anyInput) => {
    fuzz(fc.property(anyInput, (text) => isSound(readFrame(text))))
  })

  it.each<[string, fc.Arbitrary<Uint8Array>]>([
    ['any bytes', fc.uint8Array({ maxLength: 60 })],
    [
      'bytes behind what looks like a number',
      fc
        .tuple(fc.stringMatching(/^[0-9+\-. e\n]{0,20}$/), anyBytes)
        .map(([head, bytes]) => Buffer.concat([Buffer.from(head), bytes])),
    ],
  ])('%s as a binary frame', { timeout }, (_, anyInput) => {
    fuzz(fc.property(anyInput, (bytes) => isSound(readBinary(bytes))))
  })

  it.each<[string, fc.Arbitrary<string>]>([
    ['any text', fc.string({ unit: 'binary', maxLength: 60 })],
    ['any JSON', fc.json({ maxDepth: 3 })],
    [
      'hellos with random edits',
      fc
        .tuple(
          anyHello.map((hello) => JSON.stringify(hello)),
          anyEdits,
        )
        .map(([text, edits]) => edited(text, edits)),
    ],
    [
      'hellos with a member of another type',
      fc
        .tuple(
          anyHello,
          fc.constantFrom('v', 'session', 'k', 'n', 'turn', 'cursor', 'wait', 'send', '__proto__'),
          fc.jsonValue({ maxDepth: 1 }),
        )
        .map(([hello, name, value]) => JSON.stringify(Object.fromEntries([...Object.entries(hello), [name, value]]))),
    ],
  ])('%s as a hello', { timeout }, (_, anyInput) => {
    fuzz(fc.property(anyInput, isSoundHello))
  })

  it('base64 is accepted in its canonical form only', { timeout }, () => {
    const anyNearly = fc.oneof(
      fc.stringMatching(/^[AB/+=]{0,12}$/),
      fc
        .tuple(
          anyBytes.map((bytes) => Buffer.from(bytes).toString('base64')),
          anyEdits,
        )
        .map(([text, edits]) => edited(text, edits)),
    )
    fuzz(
      fc.property(anyNearly, (text) => {
        const frame = readFrame(`b1:${text}`)
        const data = frame?.type === 'messages' ? frame.payloads[0] : undefined
        return data === undefined || Buffer.from(data).toString('base64') === text
      }),
    )
  })
})

describe('strict parsing', () => {
  const hello = { v: 1, session: 'abcdefghijklmnopqrstuv', k: 1, n: 1 }
  const says = (more: object) => readHello(JSON.stringify({ ...hello, ...more }))

  it('accepts a hello that has only the required members', () => expect(says({})).not.toBeNull())

  it.each<object>([
    { v: 2 },
    { v: '1' },
    { session: 'abcdefghijklmnopqrstu' },
    { session: 'abcdefghijklmnopqrstuvw' },
    { session: 'abcdefghijklmnopqrstu\n' },
    { session: 'abcdefghijklmnopqrstu=' },
    { session: ['abcdefghijklmnopqrstuv'] },
    { k: 0 },
    { k: 1.5 },
    { k: 2 ** 53 },
    { k: '1' },
    { n: -1 },
    { n: null },
    { turn: null },
    { turn: 0 },
    { wait: -1 },
    { wait: 0.5 },
    { wait: null },
    { send: false },
    { send: 1 },
    { cursor: 5 },
    { cursor: null },
    { cursor: '0.1' },
    { cursor: '0.1~' },
    { cursor: '0.1~e,' },
    { cursor: ',0.1~e' },
    { cursor: '0.1~e f' },
    { cursor: '0.1~e\n' },
    { cursor: '0.1~e,0.2~e' },
    { cursor: '00.1~e' },
    { cursor: '0.01~e' },
    { cursor: '-1.1~e' },
    { cursor: '0.9007199254740992~e' },
    { cursor: '9007199254740992.0~e' },
    { auth: 'x'.repeat(maxHelloBytes) },
    { auth: '€'.repeat(22_000) },
  ])('refuses a hello with %j', (more) => expect(says(more)).toBeNull())

  it.each(['', ' ', '[]', 'null', '1', '"x"', '{}', `${JSON.stringify(hello)}x`])('%j is not a hello', (text) =>
    expect(readHello(text)).toBeNull(),
  )

  it('refuses a number that overflows to Infinity', () => {
    const text = JSON.stringify({ ...hello, wait: 5 })
    expect(readHello(text)).not.toBeNull()
    expect(readHello(text.replace('5', '1e999'))).toBeNull()
  })

  it.each([
    'm',
    'm1',
    'm:x',
    'm0:x',
    'm01:x',
    'm-1:x',
    'm1.0:x',
    'm1e3:x',
    'm 1:x',
    'm9007199254740992:x',
    'M',
    'M[]',
    'M[1]',
    'M[0,"a"]',
    'M[1,2]',
    'M["1","a"]',
    'M[1,"a",null]',
    'M{"0":1}',
    'M[9007199254740991,"a","b"]',
    'b1',
    'b1:A',
    'b1:AA',
    'b1:AAA',
    'b1:A===',
    'b1:AB==',
    'b1:AAB=',
    'b1:AA==AA==',
    'b1:AA-_',
    'b1: AAA',
    'b1:AAAA\n',
    'w',
    'w0',
    'w1x',
    't',
    't0',
    't.1',
    't1.',
    't1.02',
    't1.x',
    't1.2.3',
    'a0.1',
    'x',
    'x{',
    'x[]',
    'x{"code":"1"}',
    'x{}',
    '',
    '7',
    ' m1:x',
    '\0',
  ])('the frame %j is malformed', (frame) => expect(readFrame(frame)).toBeNull())

  it.each([
    ['t3', 0],
    ['t3.0', 0],
    ['t3.9', 9],
  ])('the frame %j is a turn', (frame, before) => expect(readFrame(frame)).toEqual({ type: 'turn', turn: 3, before }))

  it.each(['z', 'Z9', 'r7', 'o{}', 'h{', 'g'])('the frame %j is unknown, and ignored', (frame) =>
    expect(readFrame(frame)).toEqual({ type: 'unknown' }),
  )

  it.each(['m1:', 'M[1,""]', 'b1:', 'm9007199254740991:x'])('the frame %j is a message', (frame) =>
    expect(readFrame(frame)?.type).toBe('messages'),
  )

  it.each(['', '1', '\n', '0\n', '01\n', ' 1\n', '1 \n', '1\r\n', '+1\n', '9007199254740992\n', '123456789012345678\n'])(
    'the binary frame %j is malformed',
    (text) => expect(readBinary(Buffer.from(text))).toBeNull(),
  )
})

describe('a long input is parsed in less than a second:', () => {
  const long = 500_000
  it.each<[string, string]>([
    ['digits', `m${'1'.repeat(long)}`],
    ['base64 that is wrong at its end', `b1:${'A'.repeat(long)}!`],
    ['equals signs', `b1:${'='.repeat(long)}`],
    ['brackets', `M${'['.repeat(long)}${']'.repeat(long)}`],
    ['brackets that stay open', `M[1,${'['.repeat(long)}`],
    ['braces', `x${'{"a":'.repeat(long)}`],
    ['places of a cursor', `a${'0.1~e,'.repeat(long)}0.1~e`],
    ['one long epoch', `a0.1~${'e'.repeat(long)}`],
    ['digits of a place', `a${'1'.repeat(long)}`],
    ['texts', `M[1${',"a"'.repeat(long)}]`],
    ['a reason', `x{"code":1000,"reason":"${'a'.repeat(long)}"}`],
  ])('%s', (_, text) => {
    const since = performance.now()
    expect(isSound(readFrame(text))).toBe(true)
    expect(readHello(text.slice(1))).toBeNull()
    expect(readCursor(text)).toBeNull()
    expect(readBinary(Buffer.from(text))).toBeNull()
    expect(performance.now() - since).toBeLessThan(1000)
  })
})
