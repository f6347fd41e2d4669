import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/api/evidence.ts'
import type { Call, Transport } from '../../src/api/transport.ts'
import { plain } from '../../src/protocols/plain.ts'
import { sessionLongPoll, sessionPoll, sessionSse } from '../../src/session/over-http.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { bytesOfBody, textOfBody } from '../../src/transports/body.ts'
import { Failure } from '../../src/transports/failure.ts'
import { longPoll, poll } from '../../src/transports/polling.ts'
import { sse } from '../../src/transports/sse.ts'
import { openFrame } from '../support/hand-network.ts'
import { manualPage } from '../support/manual-host.ts'

const mebibyte = 2 ** 20

/** A body that begins with `start` and then repeats `piece` without end. */
function endless(start: string, piece: Uint8Array<ArrayBuffer>) {
  const state = { bytes: 0, isCancelled: false }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(start)),
    async pull(controller) {
      // Each chunk arrives in a task of its own, as from a network, so that the reader can cancel in between.
      await new Promise((resolve) => setImmediate(resolve))
      state.bytes += piece.length
      controller.enqueue(piece)
    },
    cancel() {
      state.isCancelled = true
    },
  })
  return { body, state }
}

const letters = (length: number) => new Uint8Array(length).fill(120)
const noSignal = () => new AbortController().signal

/** Dials with a `fetch` that always resolves with this response; resolves with the reported failure. */
function failureOf(transport: Transport, response: Response): Promise<Report> {
  const { host } = manualPage()
  const controller = new AbortController()
  const url = new URL('https://api.example/news')
  return new Promise((resolve) => {
    const call: Call = {
      url,
      sendUrl: url,
      headers: {},
      subprotocols: [],
      id: 1,
      attempt: 'a',
      credentials: 'omit',
      protocol: plain(),
      cursor: () => null,
      host: { ...host, fetch: async () => response },
      signal: controller.signal,
    }
    const ignored = () => {}
    transport.dial(call, {
      opened: ignored,
      heard: ignored,
      received: ignored,
      moved: ignored,
      failed(report) {
        controller.abort()
        resolve(report)
      },
    })
  })
}

describe('a body', () => {
  const half = { 'Content-Type': 'text/plain', 'Content-Length': '100' }

  it.each([
    ['long-poll', longPoll(20_000, 10_000)],
    ['poll', poll(5000, 10_000)],
  ])('that is shorter than its Content-Length was cut off, though `fetch` reports no error: %s', async (_, transport) => {
    const report = await failureOf(transport, new Response('half a me', { headers: half }))
    expect(report).toMatchObject({ kind: 'broken', isBody: true })
  })

  it.each([
    ['compressed', new Response('decoded', { headers: { ...half, 'Content-Encoding': 'gzip' } })],
    ['complete', new Response('x'.repeat(100), { headers: half })],
    ['of another origin', Object.defineProperty(new Response('decoded', { headers: half }), 'type', { value: 'cors' })],
    ['absent', new Response(null, { status: 304, headers: half })],
  ])('that is %s does not count as cut off', async (_, response) => {
    await expect(textOfBody(response, mebibyte, noSignal())).resolves.toMatch(/^(decoded|x{100})?$/)
  })

  it('is read completely, whatever the size of its chunks', async () => {
    const text = 'zwei Wörter 🙂 '.repeat(500)
    const bytes = new TextEncoder().encode(`\ufeff${text}`)
    for (const size of [1, 7, 1024, bytes.length]) {
      let from = 0
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          if (from >= bytes.length) controller.close()
          else controller.enqueue(bytes.slice(from, from + size))
          from += size
        },
      })
      expect(await textOfBody(new Response(body), bytes.length, noSignal())).toBe(text)
    }
    expect(await textOfBody(new Response(null), 0, noSignal())).toBe('')
  })

  it('that exceeds its limit is rejected as oversized, and its stream is cancelled', async () => {
    const { body, state } = endless('', letters(1000))
    const reading = bytesOfBody(new Response(body), 10_000, noSignal())
    await expect(reading).rejects.toMatchObject({ report: { kind: 'oversized' } })
    expect(state.isCancelled).toBe(true)
    expect(state.bytes).toBeLessThan(20_000)
  })

  it('whose stream fails is reported as broken', async () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('network error')) })
    const reading = bytesOfBody(new Response(body), 10, noSignal())
    await expect(reading).rejects.toMatchObject({ report: { kind: 'broken', isBody: true } })
  })

  it('whose reading is aborted rejects with a Failure, and its stream is cancelled', async () => {
    const { body, state } = endless('half', letters(1))
    const controller = new AbortController()
    const reading = bytesOfBody(new Response(body), mebibyte, controller.signal)
    await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    await expect(reading).rejects.toBeInstanceOf(Failure)
    expect(state.isCancelled).toBe(true)
  })
})

describe('an endless response', () => {
  const session = () => new SessionState('a-session-of-the-tests')
  const most = 64 * mebibyte

  it.each<[string, () => Transport, string, string, number]>([
    ['poll', () => poll(5000, 10_000), 'text/plain', '', most],
    ['poll, bytes', () => poll(5000, 10_000), 'application/octet-stream', '', most],
    ['long-poll', () => longPoll(20_000, 10_000), 'text/plain', '', most],
    ['an event of an event stream', () => sse(10_000, false), 'text/event-stream', 'data: ', most],
    ['JSON in a session, event stream', () => sessionSse(session()), 'application/json', '"', 2 ** 16],
    ['JSON in a session, poll', () => sessionPoll(session(), 5000, 10_000), 'application/problem+json', '"', 2 ** 16],
    ['a first frame in a session', () => sessionSse(session()), 'text/event-stream', 'data: o{', most],
    ['a frame in a session', () => sessionSse(session()), 'text/event-stream', `data: ${openFrame()}\n\ndata: m0.1:`, most],
    ['a frame of a long-poll', () => sessionLongPoll(session(), 10_000), 'text/event-stream', 'data: o', most],
  ])('is cancelled at its limit and reported as oversized: %s', async (_, make, type, start, bound) => {
    const { body, state } = endless(start, letters(mebibyte))
    const response = new Response(body, { headers: { 'Content-Type': type } })
    expect(await failureOf(make(), response)).toMatchObject({ kind: 'oversized' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(state.isCancelled).toBe(true)
    expect(state.bytes).toBeLessThan(bound + 4 * mebibyte)
  })

  it.each([
    ['comments', ': a comment\n'],
    ['lines with an unknown field', `${'garbage '.repeat(128)}\n`],
  ])('buffers nothing of lines that belong to no event: %s', async (_, text) => {
    const piece = new TextEncoder().encode(text.repeat(mebibyte / text.length))
    let left = 70
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        left -= 1
        if (left) controller.enqueue(piece)
        else controller.error(new TypeError('network error'))
      },
    })
    const response = new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    // All chunks were read up to the error; had they been buffered, they would have exceeded the limit.
    expect(await failureOf(sse(10_000, false), response)).toMatchObject({ kind: 'broken', isBody: true })
  })

  it.each(['garbage', ':garbage'])('of one line is buffered no further than the limit: %s', async (text) => {
    const { body, state } = endless('', new TextEncoder().encode(text.repeat(mebibyte / 8)))
    const response = new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    expect(await failureOf(sse(10_000, false), response)).toMatchObject({ kind: 'oversized' })
    expect(state.bytes).toBeLessThan(2 ** 26 + 4 * mebibyte)
  })

  it('to a POST is cancelled unread, and the message counts as sent', async () => {
    const { host } = manualPage()
    const answer = endless('', letters(4096))
    const url = new URL('https://api.example/news')
    const fetch = async (_: string, { method }: RequestInit) =>
      method === 'POST' ? new Response(answer.body) : new Promise<Response>(() => {})
    const call: Call = {
      url,
      sendUrl: url,
      headers: {},
      subprotocols: [],
      id: 1,
      attempt: 'a',
      credentials: 'omit',
      protocol: plain(),
      cursor: () => null,
      host: { ...host, fetch },
      signal: noSignal(),
    }
    const ignored = () => {}
    const link = sse(10_000, false).dial(call, {
      opened: ignored,
      heard: ignored,
      received: ignored,
      moved: ignored,
      failed: ignored,
    })
    expect(await link.write('a', noSignal())).toEqual({ outcome: 'sent' })
    expect(answer.state.isCancelled).toBe(true)
    expect(answer.state.bytes).toBeLessThan(2 ** 17)
  })
})

it('the retry field of an event stream is limited to one day', async () => {
  const response = (retry: string) => new Response(`retry: ${retry}\n\n`, { headers: { 'Content-Type': 'text/event-stream' } })
  for (const retry of ['99999999999', '9'.repeat(400)])
    expect(await failureOf(sse(10_000, false), response(retry))).toMatchObject({ kind: 'ended', retryAfterMs: 86_400_000 })
  expect(await failureOf(sse(10_000, false), response('7'))).toMatchObject({ kind: 'ended', retryAfterMs: 7 })
})
