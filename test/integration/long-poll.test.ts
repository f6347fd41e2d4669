import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { type Host, type PageSignal, plain, type RealtimeOptions } from '../../src/index.ts'
import { pausesOf, type Script, startScripted } from '../support/scripted-server.ts'
import { nodeHost, watchClient } from '../support/watched-client.ts'

/** The rules of long-poll and poll, against a server whose answers each test scripts. */
async function startPolling(script: Script, options: RealtimeOptions = {}) {
  const server = await startScripted(script)
  const watched = watchClient(`${server.origin}/events`, { transports: ['long-poll'], retry: { minDelayMs: 20 }, ...options })
  return {
    server,
    watched,
    cursors: (name = 'last_event_id') => server.gets().map(({ query }) => query.get(name)),
    async [Symbol.asyncDispose]() {
      await watched.client.close()
      await server.close()
    },
  }
}

const monday = 'Mon, 05 Jan 2026 00:00:00 GMT'
const mondaySeconds = Date.parse(monday) / 1000

// Concurrent, since each test waits for seconds and has an almost idle server of its own.
describe.concurrent('an answer', () => {
  it('with 200 is a message: one per line for NDJSON, bytes for a binary type, none when empty', async () => {
    await using test = await startPolling((_, response, n) => {
      const answer: [number, Record<string, string>, (string | Buffer)?] | undefined = [
        [200, { 'Content-Type': 'text/plain' }, 'one\nmessage'] as [number, Record<string, string>, string],
        [200, { 'Content-Type': 'application/x-ndjson; charset=utf-8' }, '{"a":1}\n\n{"b":"x y"}\r\n{"c":3}'],
        [200, { 'Content-Type': 'application/octet-stream' }, Buffer.of(0, 255)],
        [200, {}, 'untyped'],
        [200, {}, ''],
      ][n - 1] as [number, Record<string, string>, (string | Buffer)?] | undefined
      if (!answer) return
      response.writeHead(answer[0], answer[1]).end(answer[2])
    })
    await test.watched.nth('message', 6)
    expect(test.watched.data).toEqual([
      'one\nmessage',
      '{"a":1}',
      '{"b":"x y"}',
      '{"c":3}',
      Uint8Array.of(0, 255).buffer,
      'untyped',
    ])
    await sleep(1300)
    expect([test.server.gets().length, test.watched.data.length]).toEqual([6, 6])
    expect(test.watched.of('error')).toEqual([])
  })

  it('is text if its content type is one of text or missing, else bytes, which stay as they are', async () => {
    const texts = ['', 'Text/CSV', 'application/json', 'application/x-ndjson', 'application/ld+json', 'application/atom+xml']
    const more = ['application/xml', 'application/javascript', 'application/yaml', 'application/x-www-form-urlencoded']
    const bytes = ['application/zip', 'application/vnd.openxmlformats-officedocument', 'application/x-protobuf', 'image/svg+xml']
    const types = [...texts, ...more, ...bytes, 'font/woff2', 'multipart/mixed']
    await using test = await startPolling((_, response, n) => {
      const type = types[n - 1]
      if (type !== undefined) response.writeHead(200, type === '' ? {} : { 'Content-Type': type }).end(Buffer.of(255, n))
    })
    await test.watched.nth('message', types.length)
    const expected = types.map((_, index) =>
      index < texts.length + more.length ? `\ufffd${String.fromCharCode(index + 1)}` : Uint8Array.of(255, index + 1).buffer,
    )
    expect(test.watched.data).toEqual(expected)
  })

  it.each([204, 304, 408])('with %i brings no message and is not a failure', async (status) => {
    await using test = await startPolling((_, response, n) => {
      if (n === 1) response.writeHead(status).end()
      else if (n === 2) response.end('news')
    })
    await test.watched.nth('message')
    expect([test.watched.data, test.watched.of('error'), test.watched.opened()]).toEqual([['news'], [], ['long-poll']])
  })

  it.each(['text/html', 'text/html; charset=utf-8', 'TEXT/HTML'])('of type %s is never a message', async (type) => {
    await using test = await startPolling((_, response) => response.writeHead(200, { 'Content-Type': type }).end('<p>Hello'))
    expect((await test.watched.nth('error')).diagnosis).toMatchObject({ cause: 'http.not_realtime' })
    expect([test.watched.data, test.watched.opened()]).toEqual([[], []])
  })

  it.each([
    '\n<!doctype html><html lang="en"><p>Log in</p></html>',
    '<script>location="http://login.example/"</script>',
    '<head><title>Log in</title></head>',
    '<!-- gateway -->',
  ])('without a type is rejected if it is a page (%s), and delivered if it is an HTML fragment', async (page) => {
    await using test = await startPolling((_, response, n) => {
      if (n === 1) response.end(page)
      else if (n === 2) response.end('<p>Hello</p>')
    })
    await test.watched.nth('message')
    expect([test.watched.data, test.watched.causes()]).toEqual([['<p>Hello</p>'], ['http.not_realtime']])
  })

  it('of 403 without a type is not final if it is a page, as of a firewall', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n === 1) response.writeHead(403).end('<head><title>403 Forbidden</title></head><body>')
      else if (n === 2) response.end('news')
    })
    await test.watched.nth('message')
    expect([test.watched.data, test.watched.causes()]).toEqual([['news'], ['http.403']])
  })

  it('that breaks off in its body is a lost connection, not a message', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n === 1) response.end('one')
      else if (n === 2) {
        response.writeHead(200, { 'Content-Length': '100' }).write('ha')
        setTimeout(() => response.socket?.destroy(), 20)
      } else if (n === 3) response.end('two')
    })
    await test.watched.nth('message', 2)
    expect([test.watched.data, test.watched.causes()]).toEqual([['one', 'two'], ['stream.truncated']])
  })
})

describe.concurrent('long-poll', () => {
  it.each([
    ['empty, at once', (response) => response.writeHead(204).end()],
    ['the same under the same cursor, at once', (response) => response.writeHead(200, { ETag: 'x' }).end('same')],
    ['the same without a cursor, at once', (response) => response.end('same')],
  ] as [string, (response: Parameters<Script>[1]) => void][])(
    'sends about one request a second when every answer is %s',
    async (name, answer) => {
      await using test = await startPolling((_, response) => answer(response))
      await test.watched.nth('open')
      await sleep(3300)
      expect(test.server.gets().length).toBeGreaterThanOrEqual(3)
      expect(test.server.gets().length).toBeLessThanOrEqual(5)
      if (name.includes('under the same cursor')) expect(test.watched.data).toEqual(['same'])
    },
  )

  it('is not slowed down while every answer has a new cursor', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n <= 100) response.writeHead(200, { ETag: String(n) }).end(`m${n}`)
    })
    const startedAt = performance.now()
    await test.watched.nth('message', 100)
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })

  it('sends the next request at once after an answer that was held for a second', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n <= 2) setTimeout(() => response.writeHead(204).end(), 1100)
    })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(3), 4000)
    expect(Math.max(...pausesOf(test.server.gets()))).toBeLessThan(1500)
  })

  it('ends a held request after timeoutMs without an error, and is open after 2 s', async () => {
    const answersQuestions: Script = ({ path }, response) => path === '/' && response.writeHead(404).end()
    await using test = await startPolling(answersQuestions, { transports: [{ type: 'long-poll', timeoutMs: 400 }] })
    const startedAt = performance.now()
    await test.watched.nth('open')
    expect(performance.now() - startedAt).toBeGreaterThan(1900)
    expect(test.watched.client.state).toMatchObject({ proven: false })
    const polls = test.server.gets().filter(({ path }) => path === '/events')
    expect(polls.length).toBeGreaterThanOrEqual(4)
    expect(polls.length).toBeLessThanOrEqual(7)
    await vi.waitFor(() => expect(test.server.pending()).toBeLessThanOrEqual(1))
    expect(test.watched.of('error')).toEqual([])
  })
})

describe.concurrent('the cursor', () => {
  it('is Last-Modified and ETag together, sent percent-encoded in the query and in no header', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n <= 2) response.writeHead(200, { 'Last-Modified': monday, ETag: `${n},[1]&` }).end(`m${n}`)
    })
    await test.watched.nth('message', 2)
    await vi.waitFor(() => expect(test.cursors()).toEqual([null, `${mondaySeconds}:1,[1]&`, `${mondaySeconds}:2,[1]&`]))
    const own = test.server.gets().flatMap(({ headers }) => Object.keys(headers))
    expect(own.filter((name) => /^(last-event-id|if-)/.test(name))).toEqual([])
    expect(test.watched.of('message').map(({ id }) => id)).toEqual([`${mondaySeconds}:1,[1]&`, `${mondaySeconds}:2,[1]&`])
  })

  it('is kept after empty answers that have only an ETag or neither header', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n === 1) response.writeHead(200, { 'Last-Modified': monday, ETag: '7' }).end('m')
      else if (n <= 4) response.writeHead([408, 304, 204][n - 2] ?? 204, n === 2 ? { ETag: '0' } : {}).end()
    })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(5), 6000)
    expect(test.cursors()).toEqual([null, ...Array(4).fill(`${mondaySeconds}:7`)])
  })

  it('is taken from an empty answer that has both headers', async () => {
    await using test = await startPolling((_, response, n) => {
      if (n <= 2) response.writeHead(204, { 'Last-Modified': monday, ETag: String(n) }).end()
    })
    await vi.waitFor(() => expect(test.server.gets().length).toBeGreaterThanOrEqual(3), 4000)
    expect(test.cursors()).toEqual([null, `${mondaySeconds}:1`, `${mondaySeconds}:2`])
  })

  it.each([
    ['a header', 'X-Cursor'],
    ['a function', ({ headers }: { headers: Headers }) => headers.get('x-cursor')],
  ] as const)('is read from %s given as cursorFrom, and sent in the parameter cursorParameter', async (_name, cursorFrom) => {
    await using test = await startPolling(
      (_, response, n) => {
        if (n > 4) return
        if (n === 2) response.writeHead(204, { 'X-Cursor': 'c1' }).end()
        else if (n === 3) response.writeHead(204).end()
        else response.writeHead(200, { 'X-Cursor': `c${n}`, ETag: 'no', 'Last-Modified': monday }).end(`m${n}`)
      },
      { protocol: plain({ cursorFrom, cursorParameter: 'after' }) },
    )
    await test.watched.nth('message', 2)
    await vi.waitFor(() => expect(test.cursors('after')).toEqual([null, 'c1', 'c1', 'c1', 'c4']))
    expect(test.watched.data).toEqual(['m1', 'm4'])
  })
})

describe('poll', () => {
  const transports = [{ type: 'poll', intervalMs: 200 }] as const
  const nothing: Script = (_, response) => response.writeHead(204).end()
  /** The host of a page whose signals the test emits with `page.say()`. */
  function pageHost(page: { isHidden: boolean; say: (signal: PageSignal) => void }): Partial<Host> {
    const listen = (listener: (signal: PageSignal) => void) => {
      page.say = listener
      return () => {}
    }
    return { ...nodeHost, listen, isHidden: () => page.isHidden }
  }

  it('polls at its interval plus a random delay of up to a fifth', async () => {
    await using test = await startPolling(nothing, { transports })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(9), 5000)
    const pauses = pausesOf(test.server.gets())
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(195)
    expect(pauses.toSorted((a, b) => a - b)[4]).toBeLessThan(290)
    expect(new Set(pauses.map(Math.round)).size).toBeGreaterThan(4)
  })

  it('polls a sixth as often while the page is hidden, and at once when it becomes visible', async () => {
    const page = { isHidden: true, say: (_: PageSignal) => {} }
    await using test = await startPolling(nothing, { transports, host: pageHost(page) })
    await test.watched.nth('open')
    await sleep(1000)
    expect(test.server.gets()).toHaveLength(1)
    page.isHidden = false
    page.say({ type: 'visible' })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(2), 150)
    await vi.waitFor(() => expect(test.server.gets().length).toBeGreaterThanOrEqual(5), 3000)
  })

  it('stops on pagehide, and resumes at its cursor on pageshow', async () => {
    const page = { isHidden: false, say: (_: PageSignal) => {} }
    await using test = await startPolling((_, response, n) => response.writeHead(200, { ETag: String(n) }).end(`m${n}`), {
      transports,
      host: pageHost(page),
    })
    await test.watched.nth('message', 2)
    page.say({ type: 'pagehide' })
    expect(test.watched.client.state).toMatchObject({ status: 'waiting', retry: null })
    await sleep(500)
    const before = test.server.gets().length
    page.say({ type: 'pageshow', persisted: true })
    await test.watched.nth('open', 2)
    expect(test.cursors()[before]).toBe(String(before))
  })

  it('reports net.timeout and reconnects when an answer takes longer than connectTimeoutMs', async () => {
    await using test = await startPolling((_, response, n) => n !== 2 && response.end(`m${n}`), {
      transports,
      connectTimeoutMs: 300,
    })
    expect((await test.watched.nth('error')).diagnosis).toMatchObject({ cause: 'net.timeout', evidence: { phase: 'open' } })
    await test.watched.nth('open', 2)
  })
})
