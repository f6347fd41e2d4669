import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions, TransportSettings } from '../../src/index.ts'
import { type Script, startScripted, stream } from '../support/scripted-server.ts'
import { numbered, watchClient } from '../support/watched-client.ts'

/** Sending over transports that only receive: each message is in one POST, which is never repeated. */
const receive: Script = (request, response, n) => {
  if (request.headers.accept === 'text/event-stream') stream(response, ': hi\n\n')
  else if (request.query.has('poll')) response.writeHead(204).end()
  else if (n === 1) response.end('prime')
  // and then the long-poll is held
}

const transports = [
  { type: 'sse', sendUrl: '/up' },
  { type: 'long-poll', sendUrl: '/up' },
  { type: 'poll', url: '?poll', intervalMs: 50, sendUrl: '/up' },
] as const satisfies readonly TransportSettings[]

describe.each(transports.map((settings) => [settings.type, settings] as const))('%s', (_, settings) => {
  async function start(answerPost: Script, options: RealtimeOptions = {}) {
    const server = await startScripted((request, response, n) =>
      request.method === 'POST' ? answerPost(request, response, n) : receive(request, response, n),
    )
    const watched = watchClient(`${server.origin}/events`, { transports: [settings], retry: { minDelayMs: 20 }, ...options })
    await watched.nth('open')
    const lost = () => watched.of('error').filter(({ undelivered, unconfirmed }) => undelivered ?? unconfirmed)
    return {
      server,
      watched,
      lost,
      async [Symbol.asyncDispose]() {
        await watched.client.close()
        await server.close()
      },
    }
  }

  it('POSTs messages one at a time to sendUrl, with the headers of prepare()', async () => {
    let inFlight = 0
    let most = 0
    await using test = await start(
      async (_request, response) => {
        most = Math.max(most, ++inFlight)
        await sleep(5)
        inFlight -= 1
        response.writeHead(202).end('thanks')
      },
      { prepare: () => ({ headers: { 'X-Who': 'me' }, query: { q: '1' } }) },
    )
    for (const message of numbered(20)) test.watched.client.send(message)
    await test.watched.client.flushed()
    const posts = test.server.posts()
    expect(posts.map(({ body }) => body)).toEqual(numbered(20))
    expect(new Set(posts.map(({ path, headers }) => `${path} ${headers['x-who']}`))).toEqual(new Set(['/up me']))
    expect(most).toBe(1)
    expect(test.lost()).toEqual([])
  })

  it("sends all queued texts in one POST, in order, when sendBatch is 'ndjson'", async () => {
    await using test = await start(
      async (_request, response) => {
        await sleep(20)
        response.writeHead(202).end()
      },
      { transports: [{ ...settings, sendBatch: 'ndjson' }], prepare: () => ({ headers: { 'X-Who': 'me' } }) },
    )
    for (const message of numbered(20)) test.watched.client.send(message)
    test.watched.client.send('two\nlines')
    test.watched.client.send('last')
    await test.watched.client.flushed()
    const posts = test.server.posts()
    const [first = '', ...others] = numbered(20)
    expect(posts.map(({ body }) => body)).toEqual([`${first}\n`, `${others.join('\n')}\n`, 'two\nlines', 'last\n'])
    const ndjson = 'application/x-ndjson'
    expect(posts.map(({ headers }) => headers['content-type'])).toEqual([ndjson, ndjson, 'text/plain;charset=UTF-8', ndjson])
    expect(new Set(posts.map(({ headers }) => headers['x-who']))).toEqual(new Set(['me']))
    expect(test.lost()).toEqual([])
  })

  it('keeps a Content-Type header that prepare() sets', async () => {
    await using test = await start((_request, response) => response.writeHead(202).end(), {
      transports: [{ ...settings, sendBatch: 'ndjson' }],
      prepare: () => ({ headers: { 'content-TYPE': 'application/jsonl' } }),
    })
    test.watched.client.send('1')
    await test.watched.client.flushed()
    expect(test.server.posts().map(({ headers }) => headers['content-type'])).toEqual(['application/jsonl'])
  })

  it.each([400, 401, 413, 500, 503])('reports a message answered %i as undelivered, and sends the next', async (status) => {
    await using test = await start((_request, response, n) => response.writeHead(n === 2 ? status : 200).end())
    for (const message of numbered(3)) test.watched.client.send(message)
    await test.watched.client.flushed()
    expect(test.server.posts().map(({ body }) => body)).toEqual(numbered(3))
    expect(test.lost()).toMatchObject([{ undelivered: ['m2'], retry: null, diagnosis: { evidence: { phase: 'send' } } }])
    expect(test.watched.client.state.status).toBe('open')
  })

  it.each([301, 302, 303, 307, 308])(
    'does not follow a redirect with %i, and reports the message as undelivered',
    async (status) => {
      const elsewhere: string[] = []
      await using other = await startScripted((request, response) => {
        elsewhere.push(request.path)
        response.end()
      })
      await using test = await start(
        (request, response) =>
          request.path === '/up' && request.body === 'm2'
            ? response.writeHead(status, { Location: status > 303 ? `${other.origin}/send` : '/send/' }).end()
            : response.end(),
        { prepare: () => ({ headers: { 'X-Key': 'secret' } }) },
      )
      for (const message of numbered(3)) test.watched.client.send(message)
      await test.watched.client.flushed()
      expect(test.server.posts().map(({ body, path }) => [body, path])).toEqual(numbered(3).map((body) => [body, '/up']))
      expect(test.lost()).toMatchObject([
        { undelivered: ['m2'], diagnosis: { cause: 'http.redirect', certainty: 'certain', evidence: { phase: 'send' } } },
      ])
      expect(elsewhere).toEqual([])
      expect(test.server.requests.some(({ path }) => path === '/send/')).toBe(false)
    },
  )

  it.each([
    ['text/html', '<!doctype html><h1>Log in</h1>'],
    ['Text/HTML; charset=utf-8', '\n <p>Hello'],
    ['application/xhtml+xml', '<html/>'],
    ['without a type', '<!doctype html><h1>Log in</h1>'],
    ['without a type', '<body><h1>Log in</h1>'],
  ])('reports a message answered with a web page (%s) as undelivered', async (type, page) => {
    await using test = await start((request, response) =>
      request.body === 'm2'
        ? response.writeHead(200, type.includes('/') ? { 'Content-Type': type } : {}).end(page)
        : response.end(),
    )
    for (const message of numbered(3)) test.watched.client.send(message)
    await test.watched.client.flushed()
    expect(test.lost()).toMatchObject([
      { undelivered: ['m2'], diagnosis: { evidence: { phase: 'send', kind: 'answered', status: 200 } } },
    ])
  })

  it.each([
    ['behind many empty lines', ['\r\n'.repeat(100), '<h1>Log in</h1>'], 0, false],
    ['in pieces', ['\n', '<h1>Log in</h1>'], 20, false],
    ['that comes late', ['', '<h1>Log in</h1>'], 700, false],
    ['that is long', ['<h1>Log in</h1>', 'x'.repeat(100_000)], 0, false],
    ['that breaks off', ['\n'], 20, true],
  ])('reports a message answered with a web page %s as undelivered', async (_, [first = '', ...others], pauseMs, isBroken) => {
    await using test = await start(async (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' }).flushHeaders()
      response.write(first)
      await sleep(pauseMs)
      if (isBroken) response.destroy()
      else response.end(others.join(''))
    })
    test.watched.client.send('m1')
    await test.watched.client.flushed()
    expect(test.lost()).toMatchObject([{ undelivered: ['m1'], diagnosis: { evidence: { kind: 'answered', status: 200 } } }])
  })

  it.each(['', 'ok'])('accepts the answer %j as success despite its type text/html', async (text) => {
    await using test = await start((_request, response) => response.writeHead(201, { 'Content-Type': 'text/html' }).end(text))
    for (const message of numbered(2)) test.watched.client.send(message)
    await test.watched.client.flushed()
    expect([test.server.posts().length, test.lost()]).toEqual([2, []])
  })

  it('reports a message whose POST broke off as unconfirmed, and never repeats it', async () => {
    await using test = await start((_request, response, n) => (n === 1 ? response.socket?.destroy() : response.end()))
    for (const message of numbered(3)) test.watched.client.send(message)
    await test.watched.client.flushed()
    await sleep(200)
    expect(test.server.posts().map(({ body }) => body)).toEqual(numbered(3))
    expect(test.lost()).toMatchObject([{ unconfirmed: ['m1'], diagnosis: { evidence: { phase: 'send', kind: 'broken' } } }])
    expect(test.watched.of('error').flatMap(({ undelivered = [] }) => undelivered)).toEqual([])
  })

  it('abandons a POST that is never answered, and reports its message as unconfirmed', async () => {
    await using test = await start((_request, response, n) => n > 1 && response.end(), { connectTimeoutMs: 300 })
    for (const message of numbered(2)) test.watched.client.send(message)
    await vi.waitFor(() => expect(test.lost()).toMatchObject([{ unconfirmed: ['m1'] }]), 3000)
    await vi.waitFor(() => expect(test.server.posts().map(({ body }) => body)).toEqual(numbered(2)))
  })

  it('close() waits for the POST in flight, sends one more message and returns the rest as unsent', async () => {
    await using test = await start((_request, response) => void setTimeout(() => response.end(), 150))
    for (const message of numbered(3)) test.watched.client.send(message)
    await vi.waitFor(() => expect(test.server.posts()).toHaveLength(1))
    expect(await test.watched.client.close()).toEqual({ unsent: ['m3'], unconfirmed: [] })
    expect(test.server.posts().map(({ body }) => body)).toEqual(['m1', 'm2'])
    await vi.waitFor(() => expect(test.server.pending()).toBe(0))
  })

  it('close() sends a queued message in one last POST when none is in flight', async () => {
    await using test = await start((_request, response) => response.end())
    await test.watched.client.flushed()
    test.watched.client.send('last')
    expect(await test.watched.client.close()).toEqual({ unsent: [], unconfirmed: [] })
    expect(test.server.posts().map(({ body }) => body)).toEqual(['last'])
  })
})

it('close() waits at most 5 s for the last POST, then returns its message as unconfirmed', async () => {
  await using server = await startScripted((request, response, n) => request.method === 'POST' || receive(request, response, n))
  await using watched = watchClient(server.origin, { transports: ['sse'] })
  await watched.nth('open')
  watched.client.send('into the void')
  const startedAt = performance.now()
  expect(await watched.client.close()).toEqual({ unsent: [], unconfirmed: ['into the void'] })
  expect(performance.now() - startedAt).toBeLessThan(6000)
  await vi.waitFor(() => expect(server.pending()).toBe(0))
})

it('a POST in flight survives the loss of the event stream', async () => {
  const streams: { destroy(): void }[] = []
  await using server = await startScripted((request, response) => {
    if (request.method === 'POST') setTimeout(() => response.end(), 300)
    else {
      stream(response, ': hi\n\n')
      if (response.socket) streams.push(response.socket)
    }
  })
  await using watched = watchClient(server.origin, { transports: ['sse'], retry: { minDelayMs: 20, maxDelayMs: 20 } })
  await watched.nth('open')
  watched.client.send('m1')
  watched.client.send('m2')
  await vi.waitFor(() => expect(server.posts()).toHaveLength(1))
  streams[0]?.destroy()
  await watched.nth('open', 2)
  await watched.client.flushed()
  expect(server.posts().map(({ body }) => body)).toEqual(['m1', 'm2'])
  expect(watched.of('error').filter(({ unconfirmed, undelivered }) => unconfirmed ?? undelivered)).toEqual([])
})
