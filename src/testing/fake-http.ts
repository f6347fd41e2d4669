import type { Host } from '../api/host.ts'
import type { Payload } from '../api/protocol.ts'
import { isBlob, isBuffer } from '../util/type-tags.ts'
import type { Hello } from '../wire/steadfast-v1.ts'
import { copyOf } from './bytes.ts'
import type { Dial, Door, Wire } from './contracts.ts'
import { responseOf, textBody } from './fake-response.ts'
import { linesOf, readHello } from './hello.ts'
import { aborted, marked, refused } from './http-answers.ts'
import { PlainPolling, SessionPolling } from './polling-wire.ts'
import { StreamWire } from './stream-wire.ts'

/**
 * The `fetch` of the clients of one page: event streams, polls, POSTs, and follow-up questions about failures. It settles in
 * microtasks, except for a held request of a session.
 */
export function fakeFetch(door: Door): NonNullable<Host['fetch']> {
  const polls = new Map<string, PlainPolling>()
  const sessionPolls = new Map<string, SessionPolling>()
  /** The wire over which a plain client that POSTs receives. */
  let reading: Wire | null = null

  return async (address, init) => {
    const { signal } = init
    // Never in the caller's stack.
    await Promise.resolve()
    if (signal?.aborted) throw aborted()
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(aborted()), { once: true })
      answerTo(new URL(address), init).then(resolve, reject)
    })
  }

  async function answerTo(url: URL, init: RequestInit): Promise<Response> {
    // happy-dom's Headers keep the case of their names.
    const headers = Object.fromEntries(Array.from(new Headers(init.headers), ([name, value]) => [name.toLowerCase(), value]))
    const dial: Dial = { transport: 'poll', url, headers, subprotocols: [], auth: undefined }
    if (init.method === 'POST') {
      const body = await payloadOf(init.body)
      const isSession = url.searchParams.has('attempt') && headers['content-type']?.startsWith('multipart/form-data')
      if (!isSession) return posted(dial, body)
      const [first = '', ...lines] = linesOf(String(body))
      return ofSession(dial, readHello(first), lines, init.signal ?? undefined)
    }
    if (headers['accept'] === 'text/event-stream') return streamed({ ...dial, transport: 'sse' }, null, init.signal ?? undefined)
    if (headers['accept'] === '*/*') return polled(dial)
    // A follow-up question about a failure, which is not a dial.
    const answer = door.answerTo(dial)
    const attempt = url.searchParams.get('diagnose')
    if (answer !== 'accept') return refused(answer)
    return attempt === null
      ? responseOf(200, { 'content-type': 'text/plain' }, textBody(''))
      : marked(200, door.ledgerOf(attempt))
  }

  function streamed(dial: Dial, hello: Hello | null, signal: AbortSignal | undefined): Promise<Response> {
    const wire = new StreamWire(door, signal, hello !== null)
    if (door.dialled(dial, wire, hello) && !hello) reading = wire
    return wire.response
  }

  function polled(dial: Dial): Promise<Response> {
    const place = dial.url.origin + dial.url.pathname
    const known = polls.get(place)
    if (known && !known.isOver) return known.asked()
    const wire = new PlainPolling()
    polls.set(place, wire)
    if (door.dialled(dial, wire, null)) reading = wire
    return wire.asked()
  }

  async function posted(dial: Dial, body: Payload): Promise<Response> {
    const answer = door.answerTo(dial)
    if (answer !== 'accept') return refused(answer)
    // With `sendBatch: 'ndjson'` each line is a message.
    const isBatch = typeof body === 'string' && dial.headers['content-type']?.startsWith('application/x-ndjson')
    for (const data of isBatch ? body.replace(/\n$/, '').split('\n') : [body]) door.posted(data, reading)
    return responseOf(204, {}, textBody(''))
  }

  function ofSession(
    { url, headers }: Dial,
    hello: Hello,
    lines: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const { wait, send, auth, session, k } = hello
    const dial: Dial = { transport: wait === undefined ? 'sse' : 'poll', url, headers, subprotocols: [], auth }
    if (send) {
      const answer = door.answerTo(dial)
      return answer === 'accept' ? Promise.resolve(marked(200, door.postedLines(hello, lines))) : refused(answer, true)
    }
    if (wait === undefined) return streamed(dial, hello, signal)
    const attachment = `${session} ${k}`
    const known = sessionPolls.get(attachment)
    if (known) return known.asked(hello, signal)
    const wire = new SessionPolling(door)
    sessionPolls.set(attachment, wire)
    door.dialled(dial, wire, hello)
    return wire.asked(hello, signal)
  }
}

async function payloadOf(body: RequestInit['body']): Promise<Payload> {
  if (isBlob(body)) return body.arrayBuffer()
  if (isBuffer(body) || ArrayBuffer.isView(body)) return copyOf(body)
  return String(body ?? '')
}
