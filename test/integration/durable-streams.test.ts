import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Payload } from '../../src/index.ts'
import { centrifugo, type DurableStreamsSettings, durableStreams } from '../../src/protocols/index.ts'
import { type DurableStreams, startDurableStreams } from '../support/durable-streams.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { nodeHost, numbered, publishSlowly, watchClient } from '../support/watched-client.ts'

/** The reference server of the Durable Streams protocol, and a proxy in front of it that cuts connections. */
let server: DurableStreams
let proxy: FaultProxy
let stream: string
beforeEach(async () => {
  server = await startDurableStreams()
  proxy = await startFaultProxy({ target: { port: server.port } })
  await server.create('s')
  stream = `${proxy.url}/s`
})
afterEach(async () => {
  await proxy.close()
  await server[Symbol.asyncDispose]()
})

const seed = seedOf(process.env)
const optionsOf = (type: 'sse' | 'long-poll' | 'poll', settings: DurableStreamsSettings = {}) => ({
  protocol: durableStreams(settings),
  transports: [type === 'poll' ? { type, intervalMs: 20 } : type],
  retry: { minDelayMs: 20, maxDelayMs: 20 },
})
const values = (messages: readonly Payload[]) => messages.map((message) => JSON.parse(String(message)))

describe.each(['sse', 'long-poll', 'poll'] as const)('over %s', (type) => {
  const options = optionsOf(type)

  it('delivers the stored values and then the appended ones, each as one message', async () => {
    await server.append('s', '[{"n":1},[2],"3"]')
    await using watched = watchClient(stream, options)
    await watched.nth('message', 3)
    await server.append('s', 'null')
    await server.append('s', '[{"n":5}]')
    await watched.nth('message', 5)
    expect(values(watched.data)).toEqual([{ n: 1 }, [2], '3', null, { n: 5 }])
    expect(watched.causes()).toEqual([])
  })

  it("delivers only the values appended after it connects when the offset is 'now'", async () => {
    await server.append('s', '[1,2]')
    await using watched = watchClient(stream, optionsOf(type, { offset: 'now' }))
    await watched.nth('open')
    await vi.waitFor(() => expect(proxy.dials().length).toBeGreaterThan(type === 'poll' ? 1 : 0))
    if (type === 'long-poll') await vi.waitFor(() => expect(proxy.dials().at(-1)?.path).not.toContain('now'), 5000)
    await server.append('s', '3')
    await watched.nth('message')
    expect(values(watched.data)).toEqual([3])
  })

  it(`resumes after cuts at random moments, without loss or repetition, with SEED=${seed}`, async () => {
    const random = seeded(seed)
    await using watched = watchClient(stream, options)
    const all = Array.from({ length: 120 }, (_, n) => n + 1)
    const publishing = (async () => {
      for (let from = 0; from < all.length; ) {
        const count = 1 + Math.floor(random() * 4)
        await server.append('s', JSON.stringify(all.slice(from, from + count)))
        from += count
        await sleep(random() * 10)
        if (random() < 0.3) proxy.killAll()
      }
    })()
    await publishing
    await watched.nth('message', 120)
    expect(values(watched.data)).toEqual(all)
    expect(new Set(watched.of('message').map(({ id }) => id)).size).toBe(120)
    expect(watched.of('open').length).toBeGreaterThan(type === 'sse' ? 2 : 0)
  })

  it('starts after any message whose id is given as the offset', async () => {
    await server.append('s', '[1,2,3]')
    await server.append('s', '[4,5]')
    await using first = watchClient(stream, options)
    await first.nth('message', 5)
    for (const [index, { id }] of first.of('message').entries()) {
      await using rest = watchClient(stream, optionsOf(type, { offset: id }))
      if (index < 4) await rest.nth('message', 4 - index)
      else await rest.nth('open')
      expect(values(rest.data)).toEqual([1, 2, 3, 4, 5].slice(index + 1))
    }
  })

  it('resumes after a restart of the server', async () => {
    await using watched = watchClient(stream, options)
    await server.append('s', '[1,2]')
    await watched.nth('message', 2)
    await server.kill()
    await server.start()
    await server.append('s', '3')
    await watched.nth('message', 3)
    expect(values(watched.data)).toEqual([1, 2, 3])
  })

  it('closes for good when the stream is closed and every value has been read', async () => {
    await server.append('s', '[1,2]')
    await using watched = watchClient(stream, options)
    await watched.nth('message')
    await server.append('s', '3')
    await server.closeStream('s')
    const { diagnosis } = await watched.nth('close')
    expect(values(watched.data)).toEqual([1, 2, 3])
    expect(diagnosis).toMatchObject({ cause: 'client.stopped', verdict: 'stop' })
    expect(diagnosis?.message).toBe('The client stopped: the stream is closed, and all of it was read.')
    expect(watched.client.state.status).toBe('closed')
    await using late = watchClient(stream, options)
    await late.nth('close')
    expect(values(late.data)).toEqual([1, 2, 3])
  })

  it('appends every sent message as one value', async () => {
    await using watched = watchClient(stream, options)
    await watched.nth('open')
    for (const message of ['{"a":1}', '[1,2]', '"text"']) watched.client.send(message)
    watched.client.send(new TextEncoder().encode('[[]]'))
    await watched.nth('message', 4)
    expect(values(watched.data)).toEqual([{ a: 1 }, [1, 2], 'text', [[]]])
  })

  it('returns a message that the server rejects as undelivered', async () => {
    await using watched = watchClient(stream, options)
    await watched.nth('open')
    const blob = new Blob(['no JSON'])
    watched.client.send(blob)
    expect(await watched.nth('error')).toMatchObject({ diagnosis: { cause: 'http.400' }, undelivered: [blob] })
  })

  it('returns a text that is not one JSON value as undelivered, without asking the server', async () => {
    await using watched = watchClient(stream, options)
    await watched.nth('open')
    for (const text of ['no JSON', '1,2', '"3"']) watched.client.send(text)
    await watched.nth('message')
    expect(watched.data).toEqual(['"3"'])
    const why = "the protocol's body() failed: durableStreams(): a message must be JSON, as with the option codec: json()"
    expect(watched.of('error').map(({ diagnosis, undelivered }) => [diagnosis.message, undelivered])).toEqual([
      [why, ['no JSON']],
      [why, ['1,2']],
    ])
  })

  it('delivers text and bytes unchanged from streams of their content types', async () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, n) => n % 256)
    const text = await server.create('text', 'text/plain')
    await using texts = watchClient(text, optionsOf(type, { contentType: 'text/plain' }))
    await texts.nth('open')
    texts.client.send('ü\none')
    await texts.nth('message')
    await server.append('text', 'two', 'text/plain')
    await texts.nth('message', 2)
    expect(texts.data).toEqual(['ü\none', 'two'])
    for (const contentType of ['application/octet-stream', 'application/zip', 'font/woff2']) {
      const url = await server.create(contentType.replace('/', '-'), contentType)
      await using binary = watchClient(url, optionsOf(type, { contentType }))
      await binary.nth('open')
      binary.client.send(bytes)
      await binary.nth('message')
      expect(new Uint8Array(binary.data[0] as ArrayBuffer)).toEqual(bytes)
    }
  })

  it("loses nothing after 'now' when the connection breaks before the first message", async () => {
    // Its long-polls last longer than this test.
    await using patient = await startDurableStreams(60_000)
    await using between = await startFaultProxy({ target: { port: patient.port } })
    await patient.create('s')
    await patient.append('s', '[1,2]')
    await using watched = watchClient(`${between.url}/s`, optionsOf(type, { offset: 'now' }))
    await watched.nth('open')
    await between.set({ type: 'refuse' })
    between.killAll()
    await patient.append('s', '3')
    await between.set({ type: 'pass' })
    await watched.nth('message')
    expect(values(watched.data)).toEqual([3])
  })

  it('reports a gap when the server has lost its data, and continues', async () => {
    await server.append('s', '[1,2,3]')
    await using watched = watchClient(stream, options)
    await watched.nth('message', 3)
    await sleep(200)
    await proxy.set({ type: 'refuse' })
    proxy.killAll()
    await fetch(`${server.origin}/s`, { method: 'DELETE' })
    await server.create('s')
    await server.append('s', '4')
    await proxy.set({ type: 'pass' })
    await watched.nth('gap')
    await server.append('s', '5')
    await watched.nth('message', 4)
    expect(values(watched.data)).toEqual([1, 2, 3, 5])
  })
})

it.each([
  [401, 'stop'],
  [403, 'stop'],
  [404, 'fallback'],
] as const)('diagnoses a refusal with HTTP status %s, and its verdict', async (status, verdict) => {
  const refusing = createServer((_, response) => response.writeHead(status).end())
  const port = await listenOnLoopback(refusing)
  await using watched = watchClient(`http://127.0.0.1:${port}/s`, optionsOf('sse'))
  expect(await watched.nth('error')).toMatchObject({ diagnosis: { cause: `http.${status}`, verdict } })
  refusing.close()
})

it.each([
  ['durableStreams()', durableStreams()],
  ['centrifugo()', centrifugo()],
])('%s reports unreadable events as errors and stays open', async (_, protocol) => {
  const events = [
    'null',
    '{',
    '[1',
    '{"streamNextOffset":7}',
    '{"channel":7,"pub":{}}',
    '{"connect":{"subs":{"a":{"recoverable":true}}}}',
  ]
  const garbage = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    for (const name of ['data', 'control', 'message'])
      for (const data of events) response.write(`event: ${name}\ndata: ${data}\n\n`)
  })
  const port = await listenOnLoopback(garbage)
  await using watched = watchClient(`http://127.0.0.1:${port}/s`, { protocol, transports: ['sse'] })
  await watched.nth('error', 8)
  expect(new Set(watched.causes())).toEqual(new Set(['client.unreadable']))
  expect([watched.client.state.status, watched.reported, watched.data]).toEqual(['open', [], []])
  garbage.closeAllConnections()
  garbage.close()
})

it('switches from long-poll to SSE while messages arrive, without loss or repetition', async () => {
  const { protocol, retry } = optionsOf('sse')
  const start = performance.now()
  const now = () => start + (performance.now() - start) * 20
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms / 20)
    return () => clearTimeout(timer)
  }
  await proxy.set({ type: 'reset', only: 'event-stream' })
  const host = { ...nodeHost, now, after }
  await using watched = watchClient(stream, { protocol, retry, host, transports: ['sse', 'long-poll'], connectTimeoutMs: 60_000 })
  await watched.nth('open')
  expect(watched.opened()).toEqual(['long-poll'])
  const count = 300
  const publishing = publishSlowly((value) => server.append('s', JSON.stringify([value, value])), numbered(count), 10)
  // A slow SSE connection, so that many messages arrive by long-poll while SSE is still being dialled.
  await proxy.set({ type: 'delay', ms: 40, only: 'event-stream' })
  await publishing
  await watched.nth('message', 2 * count)
  expect(values(watched.data)).toEqual(numbered(count).flatMap((value) => [value, value]))
  expect(watched.of('transport').map(({ from, to }) => `${from}>${to}`)).toEqual(['long-poll>sse'])
})
