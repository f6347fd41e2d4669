import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ReferenceServer, startReferenceServer } from '../support/reference-server.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/** The whole client against servers that restart, refuse, or were never realtime servers. */
const http = ['sse', 'long-poll', 'poll', 'post'] as const
const everything = ['websocket', ...http] as const

let server: ReferenceServer

beforeEach(async () => {
  server = await startReferenceServer()
})
afterEach(() => server.close())

function watch(options: RealtimeOptions = {}): WatchedClient {
  const transports = ['websocket', 'sse', 'long-poll', { type: 'poll', url: '?mode=poll' }] as const
  return watchClient(server.url, { transports, ...options })
}

describe('a server that speaks WebSocket only', () => {
  it.each([
    [10, 426],
    [3, 404],
  ])('gets the client back over WebSocket after each of %i restarts, with %i for HTTP requests', async (restarts, status) => {
    server.answer(http, { status })
    await using watched = watch({ retry: { minDelayMs: 200, maxDelayMs: 400 } })
    for (let restart = 1; restart <= restarts; restart += 1) {
      await watched.nth('open', restart, 8000)
      await server.restart({ how: restart % 2 ? 'reset' : 'goodbye', downMs: (restart % 3) * 150 })
    }
    await watched.nth('open', restarts + 1, 8000)
    expect(watched.opened()).toEqual(Array(restarts + 1).fill('websocket'))
    expect(watched.of('close').every(({ final }) => !final)).toBe(true)
    server.publish('still there')
    await vi.waitFor(() => expect(watched.data).toEqual(['still there']))
  })

  it('is retried through an outage of many rounds until it is back', async () => {
    server.answer(http, { status: 404 })
    await using watched = watch({ retry: { minDelayMs: 20, maxDelayMs: 40 } })
    await watched.nth('open')
    server.answer('websocket', { status: 503 })
    server.hangUp()
    await sleep(1000)
    expect(watched.client.state.status).not.toBe('closed')
    server.answer('websocket', null)
    await watched.nth('open', 2)
  })
})

it('reconnects over WebSocket within 5 s to a server that was down for 3 s', async () => {
  await using watched = watch()
  await watched.nth('open')
  await server.restart({ downMs: 3000 })
  const { transport } = await watched.nth('open', 2, 5000)
  expect(transport).toBe('websocket')
  const delays = watched.of('error').flatMap(({ retry }) => (retry ? [retry.delayMs] : []))
  expect(delays[0]).toBeLessThan(1000)
  expect(Math.max(...delays)).toBeLessThanOrEqual(5000)
})

it('applies a Retry-After received on one transport to all transports', async () => {
  server.answer(everything, { status: 503, retryAfter: 2 })
  await using watched = watch({ probe: false, retry: { minDelayMs: 10, maxDelayMs: 10 } })
  await vi.waitFor(() => expect(watched.client.state.status).toBe('waiting'))
  const heardAt = performance.now()
  server.answer(everything, null)
  await watched.nth('open')
  expect(performance.now() - heardAt).toBeGreaterThan(1900)
  expect(server.requests.map(({ transport }) => transport)).toEqual(['websocket', 'sse', 'websocket'])
})

it.each([
  ['404', { status: 404 }],
  ['404 with a page', { status: 404, body: '<h1>Not found</h1>' }],
  ['403 with a page', { status: 403, body: '<h1>Request blocked</h1>' }],
  ['200 with a page', { status: 200, body: '<h1>Log in to this network</h1>' }],
])('keeps retrying while every request is answered with %s, and opens once SSE works', async (_, answer) => {
  server.answer(everything, answer)
  await using watched = watch({ retry: { minDelayMs: 20, maxDelayMs: 40 } })
  await watched.nth('error', 40)
  expect([watched.data, watched.of('close')]).toEqual([[], []])
  server.answer(['sse'], null)
  expect((await watched.nth('open')).transport).toBe('sse')
})

it('closes for good when every request gets 401, after one round with refreshed credentials', async () => {
  server.answer(everything, { status: 401 })
  await using plain = watch({ probe: false })
  expect(await plain.nth('close')).toMatchObject({ code: 4401, final: true, diagnosis: { cause: 'http.401' } })
  expect(server.requests.map(({ transport }) => transport)).toEqual(['websocket', 'sse'])

  const asked: string[] = []
  await using prepared = watch({
    prepare: ({ transport, isRefresh }) => void asked.push(`${transport}${isRefresh ? ' refresh' : ''}`),
  })
  expect(await prepared.nth('close')).toMatchObject({ code: 4401, final: true })
  await sleep(200)
  expect(asked).toEqual(['websocket', 'sse', 'websocket refresh', 'sse refresh'])
})

describe('a race', () => {
  let proxy: FaultProxy
  beforeEach(async () => {
    proxy = await startFaultProxy({ target: { port: server.port } })
    await proxy.set({ type: 'delay', ms: 200, only: 'websocket' }) // open after 800 ms, and SSE is dialled after 500
  })
  afterEach(() => proxy.close())

  it('is won by the better transport, although it opens later, if no message has arrived', async () => {
    await using watched = watchClient(`${proxy.url}/events`)
    expect((await watched.nth('open')).transport).toBe('sse')
    expect(await watched.nth('transport')).toMatchObject({ from: 'sse', to: 'websocket' })
    await vi.waitFor(() => expect(server.connections('sse')).toBe(0))
    server.publish('hello')
    await vi.waitFor(() => expect(watched.of('message')).toMatchObject([{ data: 'hello', transport: 'websocket' }]))
    expect([watched.of('close'), watched.of('error'), watched.opened()]).toEqual([[], [], ['sse']])
  })

  it('is won by the first transport to open once it has delivered a message, and no message is lost', async () => {
    await using watched = watchClient(`${proxy.url}/events`)
    await watched.nth('open')
    server.publish('early')
    await watched.nth('message')
    await vi.waitFor(() => expect(server.connections('websocket')).toBe(0), 3000)
    await sleep(700)
    server.publish('late')
    await vi.waitFor(() => expect(watched.data).toEqual(['early', 'late']))
    expect(watched.client.state).toMatchObject({ status: 'open', transport: 'sse' })
  })
})
