import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PrepareAttempt, RealtimeOptions, Transport, TransportSettings } from '../../src/index.ts'
import { type ReferenceServer, startReferenceServer } from '../support/reference-server.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/** The second half of the contract: how each transport reports a refusal, and how the connection ends. */
const transports = [
  { type: 'websocket' },
  { type: 'sse' },
  { type: 'long-poll' },
  { type: 'poll', url: '?mode=poll', intervalMs: 10 },
] as const satisfies readonly TransportSettings[]

let server: ReferenceServer

beforeEach(async () => {
  server = await startReferenceServer({ from: 'oldest', echo: false })
})
afterEach(() => server.close())

describe.each(transports.map((settings) => [settings.type, settings] as const))('%s', (type, settings) => {
  const isSocket = type === 'websocket'

  function watch(options: RealtimeOptions = {}): WatchedClient {
    return watchClient(server.url, { transports: [settings], retry: { minDelayMs: 20, maxDelayMs: 20 }, ...options })
  }

  it.each([401, 403, 404, 429, 500, 503])('connects after a temporary %i, and reports its cause', async (status) => {
    server.publish('prime')
    server.answer(type, { status, times: 1 })
    await using watched = watch({ judge: () => 'retry' })
    const { diagnosis, retry } = await watched.nth('error')
    expect(diagnosis).toMatchObject({
      cause: isSocket ? 'net.unreachable' : `http.${status}`,
      // A proxy or a firewall answers 403 and 503 as often as a server does.
      certainty: isSocket ? 'possible' : [403, 503].includes(status) ? 'likely' : 'certain',
      verdict: 'retry',
      evidence: { transport: type, phase: 'connect', kind: isSocket ? 'closed' : 'answered' },
    })
    expect(retry).toMatchObject({ attempt: 1 })
    expect(await watched.nth('open')).toMatchObject({ attempt: 1 })
    expect(watched.of('close')).toEqual([]) // it was never open
  })

  it('never delivers a web page as a message', async () => {
    server.answer(type, { status: 200, body: '<h1>Log in</h1>' })
    await using watched = watch()
    await watched.nth('error', 3)
    expect(watched.causes()[0]).toBe(isSocket ? 'net.unreachable' : 'http.not_realtime')
    expect([watched.data, watched.opened(), watched.of('close')]).toEqual([[], [], []])
  })

  it('close() returns the unsent messages and stops retrying while the server refuses every attempt', async () => {
    server.answer(type, { status: 500 })
    await using watched = watch()
    watched.client.send('one')
    await watched.nth('error', 2)
    expect(await watched.client.close()).toEqual({ unsent: ['one'], unconfirmed: [] })
    const requests = server.requests.length
    await sleep(100)
    expect(server.requests).toHaveLength(requests)
  })

  it("closes for good after a lost connection when the application's judge() returns 'stop'", async () => {
    server.publish('prime')
    await using watched = watch({ judge: () => 'stop' })
    await watched.nth('message')
    await server.stop()
    expect(await watched.nth('close')).toMatchObject({ code: 1006, final: true, retry: null, diagnosis: { verdict: 'stop' } })
    await server.start()
    await sleep(100)
    expect(watched.client.state).toMatchObject({ status: 'closed', code: 1006 })
  })

  it('closes for good after maxAttempts retries', async () => {
    server.answer(type, { status: 500 })
    await using watched = watch({ probe: false, retry: { minDelayMs: 5, maxDelayMs: 5, maxAttempts: 2 } })
    expect(await watched.nth('close')).toMatchObject({ final: true, code: isSocket ? 1006 : 4500 })
    expect(server.requests).toHaveLength(3)
  })

  if (isSocket) {
    it.each([1000, 1001, 1011, 4000])('reconnects after the server closes with %i', async (code) => {
      await using watched = watch()
      await watched.nth('open')
      server.hangUp({ code, reason: 'because' })
      expect(await watched.nth('close')).toMatchObject({ code, reason: 'because', wasClean: true, final: false })
      expect(watched.causes()).toEqual([`close.${code}`])
      await watched.nth('open', 2)
    })

    it.each([1008, 4401, 4403])('treats close code %i as rejected credentials and closes for good', async (code) => {
      server.closeOnOpen(code, 'who are you')
      await using watched = watch()
      expect(await watched.nth('close')).toMatchObject({ code, reason: 'who are you', final: true })
      await sleep(100)
      expect(server.requests).toHaveLength(1)
    })

    it('calls prepare() once more with isRefresh after a close with 4401, then closes for good', async () => {
      server.closeOnOpen(4401)
      const refreshes: boolean[] = []
      await using watched = watch({ prepare: ({ isRefresh }) => void refreshes.push(isRefresh) })
      await vi.waitFor(() => expect(watched.client.state.status).toBe('closed'))
      expect(refreshes).toEqual([false, true])
    })
    return
  }

  it.each([401, 403])('closes for good after a %i, without a retry', async (status) => {
    server.answer(type, { status })
    await using watched = watch()
    expect(await watched.nth('close')).toMatchObject({ code: 4000 + status, final: true, retry: null })
    await sleep(100)
    expect(server.requests).toHaveLength(1)
  })

  it('asks prepare() for fresh credentials after a 401, at most once per outage, and reconnects', async () => {
    server.publish('prime')
    const asked: PrepareAttempt['isRefresh'][] = []
    await using watched = watch({
      prepare({ isRefresh }) {
        asked.push(isRefresh)
        return { query: { token: isRefresh ? 'fresh' : 'stale' } }
      },
    })
    server.answer(type, { status: 401, times: 1 })
    await watched.nth('message')
    expect(asked).toEqual([false, true])
    server.answer(type, { status: 401 })
    server.hangUp() // a held request is answered normally; the request after it gets the 401
    expect(await watched.nth('close', 1, 8000)).toMatchObject({ code: type === 'sse' ? 1005 : 4401 })
    await vi.waitFor(() => expect(watched.client.state).toMatchObject({ status: 'closed', code: 4401 }), 8000)
    expect(asked.length).toBeLessThanOrEqual(4)
  })

  it.each([undefined, '<h1>Not found</h1>'])(
    'keeps retrying a 404, which may come from a deployment in progress (with the page %s)',
    async (body) => {
      server.answer(type, { status: 404, ...(body && { body }) })
      await using watched = watch()
      await watched.nth('error', 5)
      expect(watched.of('close')).toEqual([])
      server.answer(type, null)
      server.publish('hello')
      await watched.nth('open')
    },
  )

  it.each([429, 503])('waits for the Retry-After of a %i before the next attempt', async (status) => {
    server.publish('prime')
    server.answer(type, { status, retryAfter: 1, times: 1 })
    await using watched = watch()
    const { retry } = await watched.nth('error')
    expect(retry?.delayMs).toBeGreaterThanOrEqual(1000)
    await watched.nth('open')
    const [first, second] = server.requests
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990)
  })
})

it("dials an application's own transport, resumes with its cursor and closes it", async () => {
  const calls: string[] = []
  let lose = () => {}
  const pigeon: Transport = {
    type: 'pigeon',
    dial({ url, signal, cursor, protocol }, listener) {
      calls.push(`dial ${url.pathname} ${cursor()}`)
      const timer = setTimeout(() => {
        listener.opened()
        listener.heard()
        for (const message of protocol.readFrame('coo')) listener.received({ ...message, cursor: 'p1' })
      }, 10)
      lose = () => listener.failed({ kind: 'broken', detail: 'hawk' })
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        calls.push('hung up')
      })
      return {
        write: (data) => void calls.push(`write ${data}`),
        bufferedBytes: () => 0,
        close: (code, reason) => calls.push(`close ${code} ${reason}`),
      }
    },
  }
  await using watched = watchClient(server.url, { transports: [pigeon, 'sse'], retry: { minDelayMs: 10 } })
  watched.client.send('up')
  await watched.nth('message')
  lose()
  await watched.nth('message', 2)
  await watched.client.close(4000, 'home')
  expect(calls).toEqual(['dial /events null', 'write up', 'hung up', 'dial /events p1', 'close 4000 home', 'hung up'])
  expect(watched.opened()).toEqual(['pigeon', 'pigeon'])
  expect(watched.reported).toEqual([])
})
