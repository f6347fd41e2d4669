import { describe, expect, it } from 'vitest'
import { Failure } from '../../src/transports/failure.ts'
import { feed } from '../../src/transports/sse.ts'

type Body = NonNullable<Response['body']>

const padding = `: ${' '.repeat(2048)}`

/** A body in pieces, which then ends, or breaks off. */
function bodyOf(pieces: readonly string[], error?: unknown): Body {
  const left = [...pieces]
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift()
      if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece))
      else if (error === undefined) controller.close()
      else controller.error(error)
    },
  })
}

/** With names that can be read. */
const named = (cases: readonly (readonly string[])[]) =>
  cases.map((pieces) => [JSON.stringify(pieces).slice(0, 60), pieces] as const)

/** What was read of it, and how it ended. */
async function readOf(body: Body, signal = new AbortController().signal) {
  let text = ''
  const ending = await feed(body, signal, (more) => {
    text += more
  }).then(
    () => 'in order',
    (error: unknown) => (error instanceof Failure ? error.report : error),
  )
  return { text, ending }
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
  )('behind an event or a comment ends in order: %s', async (_, pieces) => {
    expect(await readOf(bodyOf(pieces))).toEqual({ text: pieces.join(''), ending: 'in order' })
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
  )('within an event was cut off: %s', async (_, pieces) => {
    const ending = { kind: 'ended', isCutOff: true }
    expect(await readOf(bodyOf(pieces))).toEqual({ text: pieces.join(''), ending })
  })
})

it('a stream that breaks off is a broken body', async () => {
  const ending = { kind: 'broken', detail: 'TypeError', isBody: true }
  expect(await readOf(bodyOf(['data: a\n\n'], new TypeError('network error')))).toEqual({ text: 'data: a\n\n', ending })
})

it('letters that come in two pieces are whole', async () => {
  const [first, second] = [new Uint8Array([58, 0xc3]), new Uint8Array([0xa9, 10])]
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(first)
      controller.enqueue(second)
      controller.close()
    },
  })
  expect(await readOf(body)).toEqual({ text: ':é\n', ending: 'in order' })
})

it('when nobody wants it any more its end says nothing', async () => {
  const controller = new AbortController()
  let isCancelled = false
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (stream) => stream.enqueue(new TextEncoder().encode('data: a')),
    cancel() {
      isCancelled = true
    },
  })
  const reading = readOf(body, controller.signal)
  await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  expect([await reading, isCancelled]).toEqual([{ text: 'data: a', ending: 'in order' }, true])
})
