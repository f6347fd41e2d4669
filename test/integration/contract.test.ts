import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PrepareAttempt, RealtimeOptions, TransportSettings } from '../../src/index.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ReferenceServer, type ReferenceServerOptions, startReferenceServer } from '../support/reference-server.ts'
import { nodeHost, numbered, publishSlowly, type WatchedClient, watchClient } from '../support/watched-client.ts'

/** What a user may rely on with any transport: the same tests run over all four. */
const transports = [
  { type: 'websocket' },
  { type: 'sse' },
  { type: 'long-poll' },
  { type: 'poll', url: '?mode=poll', intervalMs: 10 },
] as const satisfies readonly TransportSettings[]

describe.each(transports.map((settings) => [settings.type, settings] as const))('%s', (type, settings) => {
  let server: ReferenceServer
  const isSocket = type === 'websocket'

  async function start(options: ReferenceServerOptions = {}): Promise<void> {
    await server?.close()
    server = await startReferenceServer({ from: 'oldest', echo: false, ...options })
  }

  function watch(options: RealtimeOptions = {}, url = server.url): WatchedClient {
    return watchClient(url, { transports: [settings], retry: { minDelayMs: 20, maxDelayMs: 20 }, ...options })
  }

  beforeEach(() => start())
  afterEach(() => server.close())

  it('emits the same events in the same order and shape as every other transport', async () => {
    server.publish('hello')
    await using watched = watch()
    await watched.nth('message')
    await watched.client.close()
    expect(watched.events).toEqual([
      { type: 'state', previous: { status: 'idle' }, state: { status: 'connecting', attempt: 0, transports: [type] } },
      { type: 'open', transport: type, url: server.url, resumed: false, attempt: 0, elapsedMs: expect.any(Number) },
      {
        type: 'state',
        previous: expect.objectContaining({ status: 'connecting' }),
        state: { status: 'open', transport: type, since: expect.any(Number), proven: false },
      },
      {
        type: 'state',
        previous: expect.objectContaining({ proven: false }),
        state: { status: 'open', transport: type, since: expect.any(Number), proven: true },
      },
      { type: 'message', data: 'hello', id: expect.any(String), name: 'message', topic: '', transport: type },
      { type: 'close', code: 1000, reason: '', wasClean: true, diagnosis: null, retry: null, final: true },
      {
        type: 'state',
        previous: expect.objectContaining({ status: 'open' }),
        state: { status: 'closed', code: 1000, reason: '', diagnosis: null },
      },
    ])
  })

  it('delivers text, and bytes unless it is SSE, and sends text, bytes and blobs', async () => {
    const bytes = Uint8Array.of(7, 0, 255)
    const text = 'one line, zwei Wörter, 三, 🙂\nand another'
    server.publish(text)
    if (type !== 'sse') server.publish(Buffer.from(bytes))
    await using watched = watch()
    await watched.nth('message', type === 'sse' ? 1 : 2)
    expect(watched.data[0]).toBe(text)
    if (type !== 'sse') expect(watched.data[1]).toEqual(bytes.buffer)

    const shared = new Uint8Array([0, 1, 2, 3])
    for (const each of [text, shared.subarray(1, 3), shared.buffer, new Blob(['blob'])]) watched.client.send(each)
    shared.fill(9) // send() has copied the bytes, so later changes must not be sent
    await vi.waitFor(() => expect(server.received).toHaveLength(4))
    const expected = [text, Buffer.from([1, 2]), Buffer.from([0, 1, 2, 3]), 'blob'].map((each) => Buffer.from(each))
    expect(server.received.map(({ data }) => Buffer.from(data))).toEqual(expected)
    expect(server.received.every(({ via }) => via === (isSocket ? 'websocket' : 'post'))).toBe(true)
  })

  it('keeps the order of 200 messages in both directions, the first 100 sent before it opens', async () => {
    await using watched = watch()
    for (const message of numbered(100)) watched.client.send(message)
    expect(watched.client.state.status).toBe('idle')
    await watched.nth('open')
    const publishing = publishSlowly(server.publish, numbered(200), 1)
    for (const message of numbered(100, 101)) watched.client.send(message)
    await publishing
    await vi.waitFor(() => expect(watched.data).toHaveLength(200), 10_000)
    expect(watched.data).toEqual(numbered(200))
    await vi.waitFor(() => expect(server.received).toHaveLength(200), 10_000)
    expect(server.received.map(({ data }) => data)).toEqual(numbered(200))
  })

  it('flushed() resolves once all messages are sent, and rejects if the client is closed before', async () => {
    server.publish('prime')
    await using watched = watch()
    for (const message of numbered(5)) watched.client.send(message)
    await watched.client.flushed()
    await vi.waitFor(() => expect(server.received).toHaveLength(5), isSocket ? 1000 : 0)
    await expect(watched.client.flushed()).resolves.toEqual({ refused: [] })

    await server.stop()
    await watched.nth('close')
    watched.client.send('never')
    const waiting = watched.client.flushed()
    const closing = watched.client.close()
    await expect(waiting).rejects.toThrow(/closed before/)
    expect(await closing).toEqual({ unsent: ['never'], unconfirmed: [] })
    await server.start()
  })

  it('close() sends or returns every queued message and leaves no connection or request', async () => {
    server.publish('prime')
    await using watched = watch()
    await watched.nth('open')
    for (const message of numbered(3)) watched.client.send(message)
    const { unsent, unconfirmed } = await watched.client.close(4001, 'enough')
    await vi.waitFor(() => expect([...server.received.map(({ data }) => data), ...unsent]).toEqual(numbered(3)))
    expect(unsent).toEqual(isSocket ? [] : ['m3']) // the POST on its way and one more are allowed
    expect(unconfirmed).toEqual([])
    expect(watched.of('close')).toMatchObject([{ code: 4001, reason: 'enough', final: true, retry: null }])
    expect(() => watched.client.send('late')).toThrow(/closed/)
    await vi.waitFor(() => expect(server.connections()).toBe(0))
    const requests = server.requests.length
    await sleep(150)
    expect(server.requests).toHaveLength(requests)
    expect(watched.of('error')).toEqual([])
  })

  it('sends no request when closed at once, and connects when connect() follows', async () => {
    await using watched = watch()
    await watched.client.close()
    await sleep(50)
    expect([watched.client.state.status, server.requests.length]).toEqual(['closed', 0])
    watched.client.connect()
    server.publish('again')
    await watched.nth('message')
    expect(watched.data).toEqual(['again'])
  })

  it('reconnects after a server crash, and reports when it will retry', async () => {
    await using watched = watch({ retry: { minDelayMs: 300, maxDelayMs: 300 } })
    server.publish('before')
    await watched.nth('message')
    const restarted = server.restart({ downMs: 50 })
    const close = await watched.nth('close')
    const cause = { websocket: 'conn.dropped', sse: 'stream.truncated' }[String(type)] ?? 'net.unreachable'
    expect(close).toMatchObject({ code: 1006, wasClean: false, final: false, diagnosis: { cause } })
    expect(close.retry).toMatchObject({ attempt: 1, delayMs: expect.any(Number), at: expect.any(Number) })
    expect(close.retry?.delayMs).toBeLessThanOrEqual(300)
    expect(watched.of('error')[0]).toMatchObject({ retry: close.retry, diagnosis: close.diagnosis })
    await restarted
    expect(await watched.nth('open', 2)).toMatchObject({ transport: type, resumed: !isSocket })
    expect(watched.of('open')[1]?.attempt).toBeGreaterThan(0)
  })

  it('adds the query of prepare() to every attempt, and its headers unless it is a WebSocket', async () => {
    await start({ token: 'fresh' })
    server.publish('prime')
    const calls: Omit<PrepareAttempt, 'signal'>[] = []
    await using watched = watch({
      async prepare({ signal, ...attempt }) {
        calls.push(attempt)
        await sleep(5)
        if (isSocket) return { query: { token: 'fresh', n: String(calls.length) } }
        return { query: { n: String(calls.length) }, headers: { Authorization: 'Bearer fresh' } }
      },
    })
    await watched.nth('open')
    watched.client.send('up')
    await vi.waitFor(() => expect(server.received).toHaveLength(1))
    const restarted = server.restart({ downMs: 10 })
    await watched.nth('open', 2)
    await restarted
    expect(calls[0]).toEqual({ attempt: 0, transport: type, isRefresh: false })
    expect(calls[1]).toEqual({ attempt: 1, transport: type, isRefresh: false })
    expect(new URL(server.requests[0]?.url ?? '', server.origin).searchParams.get('n')).toBe('1')
    const last = new URL(server.requests.at(-1)?.url ?? '', server.origin).searchParams.get('n')
    expect(last).toBe(String(calls.length))
  })

  it('treats an error thrown by prepare() as a failed attempt and retries', async () => {
    server.publish('prime')
    let calls = 0
    await using watched = watch({
      prepare() {
        calls += 1
        if (calls === 1) throw new Error('no token today')
        return {}
      },
    })
    await watched.nth('open')
    expect(watched.of('error')).toMatchObject([
      { diagnosis: { cause: 'client.unprepared', message: 'prepare() threw: no token today' }, retry: { attempt: 1 } },
    ])
  })

  it('passes the credentials option to every fetch', async () => {
    server.publish('prime')
    for (const credentials of [undefined, 'include', 'omit'] as const) {
      const seen: unknown[] = []
      const spy = (url: string, init: RequestInit) => {
        seen.push(`${init.method ?? 'GET'} ${init.credentials} ${init.cache}`)
        return fetch(url, init)
      }
      await using watched = watch({ host: { ...nodeHost, fetch: spy }, ...(credentials && { credentials }) })
      await watched.nth('open')
      watched.client.send('up')
      await watched.client.flushed()
      const wanted = credentials ?? 'same-origin'
      expect([...new Set(seen)]).toEqual(isSocket ? [] : [`GET ${wanted} no-store`, `POST ${wanted} no-store`])
    }
  })

  // A plain WebSocket has no cursor: messages sent while it was disconnected are not replayed.
  if (isSocket) return

  it('resumes at its cursor after each of many lost connections, without loss or repetition', async () => {
    await using proxy: FaultProxy = await startFaultProxy({ target: { port: server.port } })
    await using watched = watch({}, `${proxy.url}/events`)
    const publishing = publishSlowly(server.publish, numbered(300), 4)
    await watched.nth('message')
    for (let kills = 0; kills < 200 && watched.opened().length < 5; kills += 1) {
      proxy.killAll()
      await sleep(45)
    }
    await publishing
    await vi.waitFor(() => expect(watched.data.at(-1)).toBe('m300'), 10_000)
    expect(watched.data).toEqual(numbered(300))
    expect(
      watched
        .of('open')
        .map(({ resumed }) => resumed)
        .slice(0, 5),
    ).toEqual([false, true, true, true, true])
  })
})
