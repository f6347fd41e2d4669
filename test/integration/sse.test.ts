import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { plain, type RealtimeOptions } from '../../src/index.ts'
import { type Script, startScripted, stream } from '../support/scripted-server.ts'
import { nodeHost, watchClient } from '../support/watched-client.ts'

/** The rules of the event stream, against a server that says them byte by byte. */
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

describe('the format', () => {
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

  it('is put together from any pieces, characters torn in two included', async () => {
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

  it('drops an event that the stream broke off in', async () => {
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

  it('goes into the query across origins, where a header would cost a preflight', async () => {
    await using test = await startSse(counting)
    await test.watched.nth('message', 3)
    expect(test.server.gets().map(({ query }) => query.get('last_event_id'))).toEqual([null, 'c 1&', 'c 2&'])
    expect(test.server.gets().every(({ headers }) => headers['last-event-id'] === undefined)).toBe(true)
    expect(test.server.gets()[0]?.headers.accept).toBe('text/event-stream')
  })

  it('goes into the Last-Event-ID header on the same origin', async () => {
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

  it('goes into a parameter of another name if the server wants that', async () => {
    await using test = await startSse(counting, { protocol: plain({ cursorParameter: 'since' }) })
    await test.watched.nth('message', 2)
    expect(test.server.gets().map(({ query }) => query.get('since'))).toContain('c 1&')
  })

  it('is moved by an id without data, and taken back by an empty one', async () => {
    await using test = await startSse((_, response, n) => {
      stream(response, ['id: 5\n\n', 'data: x\n\n', 'id:\n\n', ': nothing\n\n'][n - 1] ?? ': end\n\n')
      if (n < 4) setTimeout(() => response.end(), 30)
    })
    await vi.waitFor(() => expect(test.server.gets()).toHaveLength(4), 3000)
    expect(test.server.gets().map(({ query }) => query.get('last_event_id'))).toEqual([null, '5', '5', null])
  })
})

describe('the life of a stream', () => {
  it('is proven by a byte, be it a comment', async () => {
    await using test = await startSse((_, response) => stream(response, ': hi\n\n'), { provingMs: 100 })
    await test.watched.nth('open')
    await vi.waitFor(() => expect(test.watched.client.state).toMatchObject({ status: 'open', proven: true }))
  })

  it('is not proven by its head alone', async () => {
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await using test = await startSse((_, response) => stream(response), { provingMs: 40 })
      await test.watched.nth('open')
      await sleep(90)
      expect(test.watched.client.state).toMatchObject({ status: 'open', proven: false })
    }
  })

  it('ends with its answer, and retry: is a floor for the wait, also when the next dial fails', async () => {
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

  it('is over at a 204, as the standard has it', async () => {
    await using test = await startSse((_, response, n) => {
      if (n === 1) stream(response, 'data: x\n\n')
      else response.writeHead(204)
      response.end()
    })
    await vi.waitFor(() => expect(test.watched.client.state).toMatchObject({ status: 'closed', code: 4204 }))
    await sleep(100)
    expect(test.server.gets()).toHaveLength(2)
  })

  it.each(['text/html', 'application/json', 'text/plain', ''])('does not begin with content type "%s"', async (type) => {
    await using test = await startSse((_, response) =>
      response.writeHead(200, type ? { 'Content-Type': type } : {}).end('data: no\n\n'),
    )
    const { diagnosis } = await test.watched.nth('error')
    expect(diagnosis.cause).toBe('http.not_realtime')
    // HTML may be a portal's, and say nothing of the server.
    expect(diagnosis.hint).toBe(type === 'text/html' ? undefined : 'not-offered')
    expect([test.watched.data, test.watched.opened()]).toEqual([[], []])
  })
})
