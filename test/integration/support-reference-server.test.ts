import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ReferenceServer, type ReferenceServerOptions, startReferenceServer } from '../support/reference-server.ts'
import { probeSocket } from '../support/socket-probe.ts'

let server: ReferenceServer

async function start(options?: ReferenceServerOptions): Promise<void> {
  server = await startReferenceServer(options)
}

afterEach(() => server.close())

const sse = { Accept: 'text/event-stream' }

/** Collects an event stream until it ends or the server is closed. */
function readEvents(url: string, headers: Record<string, string> = sse) {
  const events: { id?: string | undefined; event?: string | undefined; data: string }[] = []
  const comments: string[] = []
  const retries: number[] = []
  const parser = createParser({
    onEvent: ({ id, event, data }) => events.push({ id, event, data }),
    onComment: (comment) => comments.push(comment),
    onRetry: (ms) => retries.push(ms),
  })
  const ended = fetch(url, { headers }).then(async ({ body }) => {
    try {
      for await (const chunk of body ?? []) parser.feed(Buffer.from(chunk).toString())
      return 'end'
    } catch {
      return 'broken'
    }
  })
  return { events, comments, retries, ended }
}

describe('a WebSocket', () => {
  it('gets published messages, text as text and bytes as bytes', async () => {
    await start()
    server.publish('too early')
    const { dialled, messages } = probeSocket(server.url)
    await dialled
    server.publish('hello')
    server.publish(Buffer.from([1, 2]))
    await vi.waitFor(() => expect(messages).toEqual(['hello', Buffer.from([1, 2])]))
    expect(server.connections('websocket')).toBe(1)
  })

  it('resumes after last_event_id, with JSON rows if configured', async () => {
    await start({ rows: 'json' })
    for (const word of ['one', 'two', 'three']) server.publish(word, { name: 'word' })
    const { messages } = probeSocket(`${server.url}?last_event_id=1`)
    await vi.waitFor(() => expect(messages).toHaveLength(2))
    expect(JSON.parse(String(messages[0]))).toEqual({ id: 2, name: 'word', data: 'two' })
  })

  it('gets its own message echoed', async () => {
    await start()
    const { socket, dialled, messages } = probeSocket(server.url)
    await dialled
    socket.send('ping')
    await vi.waitFor(() => expect(messages).toEqual(['ping']))
    expect(server.received).toMatchObject([{ via: 'websocket', data: 'ping' }])
  })

  it.each([1000, 1001, 1008, 4401])('is closed with %i, when open or on opening', async (code) => {
    await start()
    const old = probeSocket(server.url)
    await old.dialled
    server.hangUp({ code, reason: 'because' })
    expect(await old.closed).toEqual({ code, reason: 'because' })
    server.closeOnOpen(code, 'at once')
    expect(await probeSocket(server.url).closed).toEqual({ code, reason: 'at once' })
    server.closeOnOpen(null)
    expect(await probeSocket(server.url).dialled).toEqual({ open: true })
  })
})

describe('an event stream', () => {
  it('contains comments, names and multi-line data, and resumes by header or query', async () => {
    await start({ commentEveryMs: 30, retryMs: 1234 })
    server.publish('one')
    server.publish('two\nlines', { name: 'poem' })
    const byHeader = readEvents(server.url, { ...sse, 'Last-Event-ID': '1' })
    const byQuery = readEvents(`${server.url}?last_event_id=1`)
    await vi.waitFor(() => expect(server.connections('sse')).toBe(2))
    server.publish('three')
    for (const { events, comments, retries } of [byHeader, byQuery]) {
      await vi.waitFor(() =>
        expect(events).toEqual([
          { id: '2', event: 'poem', data: 'two\nlines' },
          { id: '3', event: undefined, data: 'three' },
        ]),
      )
      await vi.waitFor(() => expect(comments.length).toBeGreaterThan(2))
      expect(retries).toEqual([1234])
    }
    server.hangUp()
    expect(await byHeader.ended).toBe('end')
    await vi.waitFor(() => expect(server.connections()).toBe(0))
  })
})

describe('a poll', () => {
  it('is held until there is a message, or answered with 204 and the cursor', async () => {
    await start({ holdMs: 100 })
    const nothing = await fetch(server.url)
    expect([nothing.status, nothing.headers.get('etag')]).toEqual([204, '0'])
    const held = fetch(`${server.url}?last_event_id=0`)
    await vi.waitFor(() => expect(server.connections('long-poll')).toBe(1))
    server.publish('news')
    const answer = await held
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('news')
    const seconds = Date.parse(answer.headers.get('last-modified') ?? '') / 1000
    expect((await fetch(`${server.url}?mode=poll&last_event_id=1`)).headers.get('etag')).toBe('1')
    server.publish('more')
    const next = await fetch(`${server.url}?last_event_id=${encodeURIComponent(`${seconds}:${answer.headers.get('etag')}`)}`)
    expect([await next.text(), next.headers.get('content-type')]).toEqual(['more', 'text/plain; charset=utf-8'])
  })

  it('can return all messages at once, with one header as the cursor', async () => {
    await start({ batch: true, rows: 'json', cursorStyle: 'header', from: 'oldest' })
    server.publish('one')
    server.publish('two')
    const answer = await fetch(server.url)
    expect([answer.headers.get('content-type'), answer.headers.get('x-cursor')]).toEqual(['application/x-ndjson', '2'])
    expect(
      (await answer.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).data),
    ).toEqual(['one', 'two'])
  })

  it('returns at once in poll mode', async () => {
    await start()
    const startedAt = performance.now()
    expect((await fetch(`${server.url}?mode=poll`)).status).toBe(204)
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect(server.requests.at(-1)).toMatchObject({ transport: 'poll', method: 'GET', url: '/events?mode=poll' })
  })

  it('is no longer counted after its client has disconnected', async () => {
    await start()
    await expect(fetch(server.url, { signal: AbortSignal.timeout(100) })).rejects.toThrow()
    await vi.waitFor(() => expect(server.connections()).toBe(0))
  })
})

it('the server receives a POST, and publishes it', async () => {
  await start({ from: 'oldest' })
  expect((await fetch(server.url, { method: 'POST', body: 'up' })).status).toBe(201)
  expect(server.received).toMatchObject([{ via: 'post', data: 'up' }])
  expect(await (await fetch(server.url)).text()).toBe('up')
})

it('a client that alternates between WebSocket, long-poll and poll loses and repeats no message', async () => {
  await start()
  const seen: string[] = []
  for (let n = 1; n <= 40; n += 1) server.publish(`m${n}`)
  while (seen.length < 40) {
    const resume = `${server.url}?last_event_id=${seen.length}`
    const { socket, messages } = probeSocket(resume)
    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0))
    seen.push(String(messages[0]))
    socket.terminate()
    if (seen.length < 40) seen.push(await (await fetch(`${server.url}?last_event_id=${seen.length}`)).text())
    if (seen.length < 40) seen.push(await (await fetch(`${server.url}?mode=poll&last_event_id=${seen.length}`)).text())
  }
  expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => `m${n + 1}`))
})

describe('faults of the server', () => {
  it('answer() sets an answer, for a number of requests or until it is changed', async () => {
    await start()
    server.answer(['sse', 'long-poll'], { status: 503, retryAfter: 7, times: 1 })
    const refused = await fetch(server.url, { headers: sse })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7'])
    expect((await fetch(`${server.url}?mode=poll`)).status).toBe(204)
    server.answer('poll', { status: 200, body: '<h1>Log in</h1>' })
    const html = await fetch(`${server.url}?mode=poll`)
    expect([html.headers.get('content-type'), await html.text()]).toEqual(['text/html', '<h1>Log in</h1>'])
    readEvents(server.url)
    await vi.waitFor(() => expect(server.connections('sse')).toBe(1))
  })

  it.each([200, 401, 403, 404, 410, 429, 503])('answer() refuses an upgrade with %i', async (status) => {
    await start()
    server.answer('websocket', { status, body: 'no' })
    expect(await probeSocket(server.url).dialled).toEqual({ open: false, why: status })
    server.answer('websocket', null)
    expect(await probeSocket(server.url).dialled).toEqual({ open: true })
  })

  it('the option `token` refuses requests without the token', async () => {
    await start({ token: 'secret' })
    expect(await probeSocket(server.url).dialled).toEqual({ open: false, why: 401 })
    expect((await fetch(`${server.url}?mode=poll&token=wrong`)).status).toBe(401)
    expect((await fetch(`${server.url}?mode=poll`, { headers: { Authorization: 'Bearer secret' } })).status).toBe(204)
    expect(await probeSocket(`${server.url}?token=secret`).dialled).toEqual({ open: true })
  })

  it('the option `cors` determines what other origins may read', async () => {
    const exposed = async (cors: NonNullable<ReferenceServerOptions['cors']>) => {
      await using other = await startReferenceServer({ cors })
      const { headers } = await fetch(`${other.url}?mode=poll`, { headers: { Origin: 'http://page.test' } })
      const preflight = await fetch(other.url, { method: 'OPTIONS', headers: { Origin: 'http://page.test' } })
      return [headers.get('access-control-allow-origin'), headers.has('access-control-expose-headers'), preflight.status]
    }
    await start()
    expect(await exposed('none')).toEqual([null, false, 405])
    expect(await exposed('simple')).toEqual(['http://page.test', false, 204])
    expect(await exposed('exposed')).toEqual(['http://page.test', true, 204])
  })

  it("stop('reset') ends connections with RST", async () => {
    await start()
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    await server.stop('reset')
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('ECONNRESET')
  })

  it.each([
    ['reset', 1006, 'broken'],
    ['goodbye', 1001, 'end'],
  ] as const)('restart() with %s keeps the port and the log', async (how, code, streamEnds) => {
    await start()
    const probe = probeSocket(server.url)
    const stream = readEvents(server.url)
    await vi.waitFor(() => expect(server.connections()).toBe(2))
    server.publish('before')
    await vi.waitFor(() => expect(probe.messages).toEqual(['before']))
    const restarted = server.restart({ how, downMs: 150 })
    expect(await probe.closed).toMatchObject({ code })
    expect(await stream.ended).toBe(streamEnds)
    await sleep(110 - (how === 'reset' ? 60 : 0))
    expect(await probeSocket(server.url).dialled).toEqual({ open: false, why: 'ECONNREFUSED' })
    await restarted
    expect(await (await fetch(`${server.url}?last_event_id=0`)).text()).toBe('before')
  })
})
