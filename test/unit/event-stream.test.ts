import { createParser } from 'eventsource-parser'
import { describe, expect, it } from 'vitest'
import { EventStream, maxEventLength, readEventStream } from '../../src/transports/event-stream.ts'
import { Failure } from '../../src/transports/failure.ts'
import { seeded, seedOf } from '../support/seeded.ts'

type Body = NonNullable<Response['body']>

const encode = (text: string) => new TextEncoder().encode(text)
const padding = `: ${' '.repeat(2048)}`

/** A body that delivers these chunks, and then ends, or fails with the error. */
function bodyOf(pieces: readonly string[], error?: unknown): Body {
  const left = [...pieces]
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift()
      if (piece !== undefined) controller.enqueue(encode(piece))
      else if (error === undefined) controller.close()
      else controller.error(error)
    },
  })
}

/** Adds a readable name to each case. */
const named = (cases: readonly (readonly string[])[]) =>
  cases.map((pieces) => [JSON.stringify(pieces).slice(0, 60), pieces] as const)

/** Reads a body: the number of its chunks, the data of its events, and how it ended. */
async function readOf(body: Body, signal = new AbortController().signal) {
  const events: string[] = []
  const stream = new EventStream({ onEvent: ({ data }) => events.push(data) })
  let pieces = 0
  const ending = await readEventStream(body, signal, stream, () => {
    pieces += 1
  }).then(
    () => 'in order',
    (error: unknown) => (error instanceof Failure ? error.report : error),
  )
  return { pieces, events, ending }
}

describe('an event stream that ends', () => {
  it.each(
    named([
      [],
      [''],
      ['data: a\n\n'],
      ['data: a\r\n\r\n'],
      ['data: a\r\r'],
      ['data: a\n', '\n'],
      ['data: a\r', '\n\r', '\n'],
      [':\n'],
      [': a comment\r\n'],
      ['data: a\n\n', ': a comment\n'],
      ['data: a\n\n: a comment\n'],
      [`${padding}\n\n`],
      [`${padding}\n`],
      ['retry: 10\n\n'],
      ['\n'],
    ]),
  )('after an event or a comment is complete: %s', async (_, pieces) => {
    expect(await readOf(bodyOf(pieces))).toMatchObject({ pieces: pieces.length, ending: 'in order' })
  })

  it.each(
    named([
      ['data: a\n\ndata: b'],
      ['data: a\n\n', 'data: b\n'],
      ['data: a\n\n', 'id: 7\r\n'],
      ['event: x\r'],
      ['d'],
      [': half a comm'],
      [`data: ${'long '.repeat(1000)}`],
      [`data: ${'long '.repeat(1000)}\n`],
      [`data: ${'long '.repeat(1000)}`, '\n'],
    ]),
  )('within an event counts as cut off: %s', async (_, pieces) => {
    const ending = { kind: 'ended', isCutOff: true }
    expect(await readOf(bodyOf(pieces))).toMatchObject({ pieces: pieces.length, ending })
  })
})

it('a stream that fails is reported as a broken body', async () => {
  const ending = { kind: 'broken', detail: 'TypeError', isBody: true }
  expect(await readOf(bodyOf(['data: a\n\n'], new TypeError('network error')))).toEqual({ pieces: 1, events: ['a'], ending })
})

it('a character that is split over two chunks is decoded', async () => {
  const [first, second] = [new Uint8Array([...encode('data:'), 0xc3]), new Uint8Array([0xa9, 10, 10])]
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(first)
      controller.enqueue(second)
      controller.close()
    },
  })
  expect(await readOf(body)).toEqual({ pieces: 2, events: ['é'], ending: 'in order' })
})

it('a stream whose reading is aborted is cancelled, and does not count as cut off', async () => {
  const controller = new AbortController()
  let isCancelled = false
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (stream) => stream.enqueue(encode('data: a')),
    cancel() {
      isCancelled = true
    },
  })
  const reading = readOf(body, controller.signal)
  await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  expect([await reading, isCancelled]).toEqual([{ pieces: 1, events: [], ending: 'in order' }, true])
})

const seed = seedOf(process.env)

/** Random valid and invalid lines of an event stream, cut into chunks anywhere. */
function randomPieces(random: () => number): readonly string[] {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)] ?? ''
  const fields = ['data', 'data', 'data', 'event', 'id', 'retry', '', 'dat', 'x', 'Data']
  const values = ['', 'a', ' b', ': c', '10', '1x', 'é😀', '\0', 'l'.repeat(40)]
  const lines = Array.from({ length: 1 + Math.floor(random() * 30) }, () => {
    const line = random() < 0.35 ? '' : pick(fields) + pick([':', ': ', '']) + pick(values)
    return line + pick(['\n', '\n', '\r\n', '\r'])
  })
  const text = lines.join('')
  const pieces: string[] = []
  for (let from = 0; from < text.length; ) {
    const length = Math.floor(random() ** 3 * 40)
    pieces.push(text.slice(from, from + length))
    from += length
  }
  return pieces
}

it(`parses what eventsource-parser does, however a stream is cut into chunks, with SEED=${seed}`, () => {
  const random = seeded(seed)
  for (let run = 0; run < 500; run += 1) {
    const pieces = randomPieces(random)
    const [own, other]: [unknown[], unknown[]] = [[], []]
    const stream = new EventStream({
      onEvent: (event) => own.push(event),
      onRetry: (ms) => own.push(ms),
      onComment: () => own.push('comment'),
    })
    const parser = createParser({
      onEvent: ({ id, event: name, data }) => other.push({ id, name, data }),
      onRetry: (ms) => other.push(ms),
      onComment: () => other.push('comment'),
    })
    for (const piece of pieces) {
      stream.take(piece)
      parser.feed(piece)
    }
    // A parser holds back a CR, which may be half of a CRLF. So both get a line feed, and a comment, which both report.
    stream.take('\n:')
    parser.feed('\n:')
    stream.take('\n')
    parser.feed('\n')
    expect(own, `run ${run}: ${JSON.stringify(pieces)}`).toEqual(other)
  }
})

it('an event that is too long fails the stream, whether in one line or in many', () => {
  const line = `data: ${'x'.repeat(2 ** 24)}\n`
  for (const text of [line.repeat(5), `data: ${'x'.repeat(maxEventLength + 1)}`]) {
    const stream = new EventStream({ onEvent: () => {} })
    const read = () => {
      for (let from = 0; from < text.length; from += 2 ** 20) stream.take(text.slice(from, from + 2 ** 20))
    }
    expect(read).toThrow(new Failure({ kind: 'oversized' }))
  }
})

it('a long line is parsed in linear time', () => {
  const events: string[] = []
  const stream = new EventStream({ onEvent: ({ data }) => events.push(data) })
  const chunk = 'x'.repeat(2 ** 14)
  stream.take('data: ')
  const startedAt = performance.now()
  for (let count = 0; count < 2 ** 12 - 1; count += 1) stream.take(chunk)
  stream.take('\n\n')
  expect(performance.now() - startedAt).toBeLessThan(5000)
  expect(events.map(({ length }) => length)).toEqual([2 ** 14 * (2 ** 12 - 1)])
})
