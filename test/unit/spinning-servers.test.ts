import { describe, expect, it } from 'vitest'
import { RealtimeClient, type RealtimeOptions, type TransportName } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { openFrame } from '../support/hand-network.ts'
import { manualPage } from '../support/manual-host.ts'

type Answer = (n: number) => Response | Error

const seconds = 20
/** The most requests in that time, whatever the server answers. */
const maxRequests = 2.5 * seconds

const octets = { headers: { 'Content-Type': 'application/octet-stream' } }
const events = { headers: { 'Content-Type': 'text/event-stream' } }
const frames = (...data: readonly string[]) => new Response(data.map((each) => `data: ${each}\n\n`).join(''), events)

/** Answers that could make a client ask again without a pause; each comes at once. */
const plainServers: Readonly<Record<string, Answer>> = {
  'the same text again and again': () => new Response('same'),
  'the same bytes again and again': () => new Response(Uint8Array.of(1, 2, 3), octets),
  'the same lines again and again': () => new Response('1\n2\n', { headers: { 'Content-Type': 'application/x-ndjson' } }),
  'an empty text': () => new Response(''),
  'empty bytes': () => new Response(new Uint8Array(), octets),
  'a new ETag and nothing else': (n) => new Response('', { headers: { ETag: `"${n}"` } }),
  'a new ETag with empty bytes': (n) => new Response(new Uint8Array(), { headers: { ...octets.headers, ETag: `"${n}"` } }),
  '204 with a new cursor': (n) =>
    new Response(null, { status: 204, headers: { ETag: `${n}`, 'Last-Modified': 'Mon, 05 Jan 2026 00:00:00 GMT' } }),
  '204': () => new Response(null, { status: 204 }),
  '304': () => new Response(null, { status: 304 }),
  '408': () => new Response(null, { status: 408 }),
  'a redirection to itself': () => new Response(null, { status: 302, headers: { Location: '/realtime' } }),
  'redirections to ever new URLs': (n) => new Response(null, { status: 307, headers: { Location: `/${n}` } }),
  'an event stream that ends at once': () => new Response('', events),
  'an event stream of `retry: 0` that ends': () => new Response('retry: 0\n\n', events),
  'an event stream of one message that ends': (n) => new Response(`retry: 0\nid: ${n}\ndata: x\n\n`, events),
  '503 with Retry-After: 0': () => new Response(null, { status: 503, headers: { 'Retry-After': '0' } }),
  'an HTML page': () => new Response('<p>Hello', { headers: { 'Content-Type': 'text/html' } }),
  'a connection that breaks': () => new TypeError('fetch failed'),
}

const sessionServers: Readonly<Record<string, Answer>> = {
  'an `open` frame alone': () => frames(openFrame()),
  pings: () => frames(openFrame(), 'p', 'p'),
  'the same acknowledgment': () => frames(openFrame(), 'a0'),
  'the same message': () => frames(openFrame(), 'm0.1:same'),
  'a hint of coming bytes': () => frames(openFrame(), 'h{"comingBytes":10}'),
  'an event stream that ends at once': () => new Response('', events),
  'a close with 4503 and no `retryAfterMs`': () => frames(openFrame(), 'x{"code":4503}'),
  'a close with 4503 and a short `retryAfterMs`': () => frames(openFrame(), 'x{"code":4503,"retryAfterMs":1}'),
  '204': () => new Response(null, { status: 204 }),
  '503 with Retry-After: 0': () => new Response(null, { status: 503, headers: { 'Retry-After': '0' } }),
  'a redirection': () => new TypeError('fetch failed'),
}

async function requestsTo(answer: Answer, transport: TransportName, options: RealtimeOptions = {}) {
  const page = manualPage()
  let count = 0
  const fetch = async () => {
    count += 1
    // A client that spins would never let the clock advance.
    if (count > 100 * seconds) await new Promise(() => {})
    const response = answer(count)
    if (response instanceof Error) throw response
    return response
  }
  const client = new RealtimeClient('https://api.example/realtime', {
    transports: [transport],
    probe: false,
    ...options,
    host: { ...page.host, fetch },
  })
  let messages = 0
  client.addEventListener('message', () => {
    messages += 1
  })
  // A manual clock does not advance while a promise that it does not know is pending.
  for (let ms = 0; ms < seconds * 1000; ms += 25) await page.pass(25)
  void client.close()
  await page.pass(6000)
  expect([page.reported, page.clock.pending]).toEqual([[], 0])
  return { count, messages }
}

describe.each(['sse', 'long-poll', 'poll'] as const)('no server makes %s send requests without a pause', (transport) => {
  it.concurrent.each(Object.entries(plainServers))('in plain mode: %s', async (name, answer) => {
    const { count, messages } = await requestsTo(answer, transport)
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThan(maxRequests)
    if (transport !== 'sse' && name.startsWith('the same')) expect(messages).toBe(name.includes('lines') ? 2 : 1)
    if (transport !== 'sse' && /empty|ETag/.test(name)) expect(messages).toBe(0)
  })

  it.concurrent.each(Object.entries(sessionServers))('in a session: %s', async (_, answer) => {
    const { count } = await requestsTo(answer, transport, { protocol: session() })
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThan(maxRequests)
  })
})

it('long-poll asks for endless messages at once a hundred times, then twenty times a second', async () => {
  const { count, messages } = await requestsTo((n) => new Response(`m${n}`), 'long-poll')
  expect(count).toBeGreaterThan(15 * seconds)
  expect(count).toBeLessThan(100 + 21 * seconds)
  expect(messages).toBe(count)
})

/** A WebSocket that opens and is closed by its server right after that. */
function shortSocket(says: readonly string[], code: number) {
  const state = { count: 0 }
  class Socket {
    bufferedAmount = 0
    protocol = ''
    onopen: ((event: object) => void) | null = null
    onmessage: ((event: object) => void) | null = null
    onclose: ((event: object) => void) | null = null
    constructor() {
      state.count += 1
      setImmediate(() => {
        this.onopen?.({})
        for (const data of says) this.onmessage?.({ data })
        this.onclose?.({ code, reason: '', wasClean: code !== 1006 })
      })
    }
    send() {}
    close() {}
  }
  return { state, Socket }
}

it.concurrent.each([
  ['with 1000', [], 1000],
  ['with 1000 after a message', ['hello'], 1000],
  ['with 1006', [], 1006],
  ['with 1006 after a message', ['hello'], 1006],
  ['with 1012', [], 1012],
] as const)('a WebSocket that is closed at once %s is dialled with pauses', async (_, says, code) => {
  const page = manualPage()
  const { state, Socket } = shortSocket(says, code)
  const client = new RealtimeClient('https://api.example/realtime', {
    transports: ['websocket'],
    probe: false,
    host: { ...page.host, WebSocket: Socket },
  })
  for (let ms = 0; ms < seconds * 1000; ms += 25) await page.pass(25)
  void client.close()
  expect(state.count).toBeGreaterThan(2)
  expect(state.count).toBeLessThan(maxRequests)
})
