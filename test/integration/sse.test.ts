import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { plain, type RealtimeOptions } from '../../src/index.ts'
import { type Script, startScripted, stream } from '../support/scripted-server.ts'
import { nodeHost, watchClient } from '../support/watched-client.ts'

/** Starts a server whose event streams the test writes byte by byte, and a client of it. */
async function startSse(script: Script, options: RealtimeOptions = {}) {
  const server = await startScripted(script)
  const watched = watchClient(`${server.origin}/events`, {
    transports: ['sse'],
    retry: { minDelayMs: 30, maxDelayMs: 30 },
    ...options,
  })
  const sameOrigin = { ...nodeHost, baseUrl: `${server.origin}/` }
  return {
    server,
    watched,
    sameOrigin,
    async [Symbol.asyncDispose]() {
      await watched.client.close()
      await server.close()
    },
  }
}

function messagesOf({ of }: ReturnType<typeof watchClient>) {
  return of('message').map(({ id, name, data }) => `${id}|${name}|${data}`)
}

describe('the format of event streams', () => {
  it('is that of WHATWG: names, several lines, all line ends, no space, comments, garbage', async () => {
    await using test = await startSse((_, response) =>
      stream(
        response,
        '\uFEFFdata: first\n\n',
        ': a comment\n\n',
        'event: news\nid: 1\ndata: two\ndata:\ndata:  lines\n\n',
        'data:no space\r\n\r\n',
        'garbage\nunknown: field\ndata\rdata: cr\r\r',
        'event: nothing to say\n\n',
        'id: 2\0\ndata: a bad id\n\n',
        'data: half an ev',
      ),
    )
    await test.watched.nth('message', 5)
    expect(messagesOf(test.watched)).toEqual([
      '|message|first',
      '1|news|two\n\n lines',
      '|message|no space',
      '|message|\ncr',
      '|message|a bad id',
    ])
  })

  it('is parsed from chunks of any size, even chunks that end inside a character', async () => {
    const bytes = Buffer.from('event: größe\nid: 7\ndata: 三🙂\n\n')
    await using test = await startSse(async (_, response) => {
      stream(response)
      for (const byte of bytes) {
        response.write(Buffer.of(byte))
        await sleep(1)
      }
    })
    await test.watched.nth('message')
    expect(messagesOf(test.watched)).toEqual(['7|größe|三🙂'])
  })

  it('excludes an incomplete event at the end of a stream', async () => {
    await using test = await startSse((_, response, n) => {
      stream(response, `data: ${n}\n\ndata: half`)
      if (n === 1) response.end()
    })
    await test.watched.nth('message', 2)
    expect(test.watched.data).toEqual(['1', '2'])
  })
})

describe('the cursor', () => {
  const counting: Script = (_, response, n) => {
    stream(response, `id: c ${n}&\ndata: ${n}\n\n`)
    if (n < 3) response.end()
  }

  it('is sent in the query across origins, where a header would require a preflight', async () => {
    await using test = await startSse(counting)
    await test.watched.nth('message', 3)
    expect(test.server.gets().map(({ query }) => query.get('last_event_id'))).toEqual([null, 'c 1&', 'c 2&'])
    expect(test.server.gets().every(({ headers }) => headers['last-event-id'] === undefined)).toBe(true)
    expect(test.server.gets()[0]?.headers.accept).toBe('text/event-stream')
  })

  it('is sent in the Last-Event-ID header on the same origin', async () => {
    await using server = await startScripted(counting)
    await using watched = watchClient('/events', {
      transports: ['sse'],
      retry: { minDelayMs: 30 },
      host: { ...nodeHost, baseUrl: `${server.origin}/page` },
    })
    await watched.nth('message', 3)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c 1&', 'c 2&'])
    expect(server.gets().every(({ query }) => query.size === 0)).toBe(true)
  })

  it('is sent in the query parameter that cursorParameter names', async () => {
    await using test = await startSse(counting, { protocol: plain({ cursorParameter: 'since' }) })
    await test.watched.nth('message', 2)
    expect(test.server.gets().map(({ query }) => query.get('since'))).toContain('c 1&')
  })

  it('is set by an id without data, and cleared by an empty id', async () => {
    await using test = await startSse((_, response, n) => {
      stream(response, ['id: 5\n\n', 'data: x\n\n', 'id:\n\n', ': nothing\n\n'][n - 1] ?? ': end\n\n')
      if (n < 4) setTimeout(() => response.end(), 30)
    })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(4), 3000)
    expect(test.server.gets().map(({ query }) => query.get('last_event_id'))).toEqual([null, '5', '5', null])
  })
})

describe('an event stream', () => {
  it('is proven by any byte, even of a comment', async () => {
    await using test = await startSse((_, response) => stream(response, ': hi\n\n'), { provingMs: 100 })
    await test.watched.nth('open')
    await vi.waitFor(() => expect(test.watched.client.state).toMatchObject({ status: 'open', proven: true }))
  })

  it('is not proven by its response headers alone', async () => {
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await using test = await startSse((_, response) => stream(response), { provingMs: 40 })
      await test.watched.nth('open')
      await sleep(90)
      expect(test.watched.client.state).toMatchObject({ status: 'open', proven: false })
    }
  })

  it('ends with its response, and `retry:` is the minimum of the delay, even after another failed dial', async () => {
    await using test = await startSse((_, response, n) => {
      if (n === 2) response.writeHead(500).end()
      else stream(response, n === 1 ? 'retry: 400\n\ndata: x\n\n' : 'data: y\n\n')
      if (n === 1) response.end()
    })
    await test.watched.nth('message', 2)
    const errors = test.watched.of('error')
    expect(errors.map(({ diagnosis }) => diagnosis.cause)).toEqual(['stream.ended', 'http.500'])
    expect(errors.every(({ retry }) => (retry?.delayMs ?? 0) >= 400)).toBe(true)
    expect(test.watched.of('close')).toMatchObject([{ code: 1005, wasClean: true, final: false }])
  })

  it('ends the client with a 204, as the standard says', async () => {
    await using test = await startSse((_, response, n) => {
      if (n === 1) stream(response, 'data: x\n\n')
      else response.writeHead(204)
      response.end()
    })
    await vi.waitFor(() => expect(test.watched.client.state).toMatchObject({ status: 'closed', code: 4204 }))
    await sleep(100)
    expect(test.server.gets()).toHaveLength(2)
  })

  it.each(['text/html', 'application/json', 'text/plain', ''])('is not opened with the content type "%s"', async (type) => {
    await using test = await startSse((_, response) =>
      response.writeHead(200, type ? { 'Content-Type': type } : {}).end('data: no\n\n'),
    )
    const { diagnosis } = await test.watched.nth('error')
    expect(diagnosis.cause).toBe('http.not_realtime')
    // HTML may come from a captive portal, and prove nothing about the server.
    expect(diagnosis.hint).toBe(type === 'text/html' ? undefined : 'not-offered')
    expect([test.watched.data, test.watched.opened()]).toEqual([[], []])
  })
})
