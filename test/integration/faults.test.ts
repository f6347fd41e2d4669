import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ReferenceServer, type ReferenceServerOptions, startReferenceServer } from '../support/reference-server.ts'
import { numbered, publishSlowly, type WatchedClient, watchClient } from '../support/watched-client.ts'

/** The whole client with all four transports against a real server behind a proxy that injects faults. */
const ranking = ['websocket', 'sse', 'long-poll', { type: 'poll', url: '?mode=poll', intervalMs: 50 }] as const

let server: ReferenceServer
let proxy: FaultProxy

async function start(options: ReferenceServerOptions = {}): Promise<void> {
  await stop()
  server = await startReferenceServer({ commentEveryMs: 100, ...options })
  proxy = await startFaultProxy({ target: { port: server.port } })
}

async function stop(): Promise<void> {
  await proxy?.close()
  await server?.close()
}

beforeEach(() => start())
afterEach(stop)

function watch(options: RealtimeOptions = {}): WatchedClient {
  return watchClient(`${proxy.url}/events`, { transports: ranking, ...options })
}

/** Publishes until the client has received a new message, since it may still be dialling. */
async function hears(watched: WatchedClient, timeout = 5000): Promise<void> {
  const before = watched.data.length
  await vi.waitFor(
    () => {
      server.publish('anyone there')
      expect(watched.data.length).toBeGreaterThan(before)
    },
    { timeout, interval: 50 },
  )
}

describe('a client whose server is slow or unreachable', () => {
  it('opens a WebSocket after two round trips, and dials nothing else', async () => {
    await proxy.set({ type: 'delay', ms: 50 })
    await using watched = watch()
    const { transport, elapsedMs } = await watched.nth('open')
    expect(transport).toBe('websocket')
    expect(elapsedMs).toBeGreaterThanOrEqual(190)
    expect(elapsedMs).toBeLessThan(490)
    await sleep(600)
    expect(proxy.dials().map(({ kind }) => kind)).toEqual(['websocket'])
  })

  it('reconnects after the server has refused connections for 3 s, without a retry storm', async () => {
    await using watched = watch()
    await watched.nth('open')
    await proxy.set({ type: 'refuse' })
    proxy.killAll()
    await sleep(3000)
    const attempts = watched.client.report().attempts.length
    await proxy.set({ type: 'pass' })
    await watched.nth('open', 2, 6000)
    await hears(watched)
    const rounds = watched.of('error').filter(({ retry }) => retry).length
    expect(watched.of('error')[0]?.retry?.delayMs).toBeLessThan(1000)
    expect(attempts).toBeLessThanOrEqual(1 + 4 * rounds)
    expect(rounds).toBeLessThanOrEqual(6)
    expect(watched.of('close')).toMatchObject([{ code: 1006, final: false }])
  })

  it('times out while the server accepts and hangs, and connects when it answers again', async () => {
    await proxy.set({ type: 'hang' })
    await using watched = watch({ connectTimeoutMs: 700, raceAfterMs: 100, retry: { minDelayMs: 100 } })
    const { diagnosis } = await watched.nth('error')
    expect(diagnosis).toMatchObject({ cause: 'net.timeout', evidence: { transport: 'websocket', phase: 'connect' } })
    expect(new Set(proxy.dials().map(({ kind }) => kind))).toEqual(new Set(['websocket', 'event-stream', 'other']))
    await proxy.set({ type: 'pass' })
    await watched.nth('open', 1, 8000)
    await hears(watched)
  })

  it('reconnects over WebSocket after each of nine connections lost by RST', async () => {
    await using watched = watch({ retry: { minDelayMs: 200 }, provingMs: 100 })
    for (let loss = 1; loss <= 9; loss += 1) {
      await watched.nth('open', loss)
      await hears(watched)
      await sleep(120) // a life of less than `provingMs` would count against WebSocket
      proxy.killAll()
      await watched.nth('close', loss)
    }
    await watched.nth('open', 10)
    expect(new Set(watched.opened())).toEqual(new Set(['websocket']))
    expect(watched.causes()).toEqual(Array(9).fill('conn.dropped'))
  })

  it('keeps retrying while every connection is reset on accept, and opens a WebSocket afterwards', async () => {
    await proxy.set({ type: 'reset' })
    await using watched = watch({ retry: { minDelayMs: 100, maxDelayMs: 100 } })
    await watched.nth('error', 8)
    expect(new Set(watched.causes())).toEqual(new Set(['net.unreachable']))
    expect(watched.client.state.status).not.toBe('closed')
    await proxy.set({ type: 'pass' })
    expect((await watched.nth('open')).transport).toBe('websocket')
  })
})

describe('a client behind a middlebox that breaks WebSockets', () => {
  it.each([400, 403, 426, 502])('falls back to SSE at once when the upgrade is refused with %i', async (status) => {
    await proxy.set({ type: 'refuse-upgrade', status })
    await using watched = watch()
    const startedAt = performance.now()
    expect((await watched.nth('open')).transport).toBe('sse')
    expect(performance.now() - startedAt).toBeLessThan(450) // before the race would begin
    await hears(watched)
    await sleep(700)
    expect(proxy.dials('websocket')).toHaveLength(1)
  })

  it('falls back to SSE by racing when the upgrade is never answered', async () => {
    await proxy.set({ type: 'swallow-upgrade' })
    await using watched = watch()
    const startedAt = performance.now()
    expect((await watched.nth('open')).transport).toBe('sse')
    const took = performance.now() - startedAt
    expect(took).toBeGreaterThan(450)
    expect(took).toBeLessThan(1000)
    await hears(watched)
    await vi.waitFor(() => expect(proxy.connections('websocket')).toBe(0), 4000)
    expect(watched.opened()).toEqual(['sse'])
  })

  it('stays on SSE after at most three WebSocket dials when each is killed 150 ms after the handshake', async () => {
    await proxy.set({ type: 'kill-after-open', ms: 150, only: 'websocket' })
    await using watched = watch({ provingMs: 1000 })
    await vi.waitFor(() => expect(watched.opened()).toContain('sse'), 3000)
    await publishSlowly(server.publish, numbered(100), 40)
    expect(proxy.dials('websocket').length).toBeLessThanOrEqual(3)
    expect(proxy.dials('event-stream')).toHaveLength(1)
    expect(watched.data).toEqual(numbered(100))
  })

  it('stays on long-poll when WebSocket and SSE are killed soon after they open, with an idle server', async () => {
    await proxy.set(
      { type: 'kill-after-open', ms: 150, only: 'websocket' },
      { type: 'kill-after-open', ms: 50, only: 'event-stream' },
    )
    await using watched = watch({ transports: ['websocket', 'sse', 'long-poll'] })
    await vi.waitFor(() => expect(watched.opened()).toContain('long-poll'), 12_000)
    await sleep(1000)
    expect(watched.client.state).toMatchObject({ status: 'open', transport: 'long-poll' })
    await hears(watched)
    expect([proxy.dials('websocket').length, proxy.dials('event-stream').length].every((dials) => dials <= 4)).toBe(true)
  })

  it('starts no retry storm when WebSockets are killed after they open and HTTP transports fail', async () => {
    await proxy.set({ type: 'kill-after-open', ms: 150, only: 'websocket' })
    server.answer(['sse', 'long-poll', 'poll'], { status: 500 })
    await using watched = watch()
    await sleep(4000)
    const waits = watched.of('state').filter(({ state }) => state.status === 'waiting').length
    expect(proxy.dials('websocket').length).toBeLessThanOrEqual(waits + 3)
    expect(proxy.dials('websocket').length).toBeLessThanOrEqual(8)
  })

  it('falls back to SSE when the heartbeat finds that an open WebSocket passes no frames', async () => {
    await proxy.set({ type: 'swallow-frames', only: 'websocket' })
    await using watched = watch({ heartbeat: { message: 'beat', reply: 'beat', intervalMs: 300, timeoutMs: 200 } })
    await vi.waitFor(() => expect(watched.opened()).toContain('sse'), 6000)
    expect(watched.causes()).toContain('conn.silent')
    expect(proxy.dials('websocket').length).toBeLessThanOrEqual(3)
    await hears(watched)
    await sleep(700) // longer than silence is tolerated: comments in the stream count as traffic
    expect(watched.client.state).toMatchObject({ status: 'open', transport: 'sse' })
  })
})

describe('a half-open connection', () => {
  it('is detected by the heartbeat and replaced', async () => {
    await using watched = watch({
      heartbeat: { message: 'beat', reply: 'beat', intervalMs: 200, timeoutMs: 200 },
      retry: { minDelayMs: 100 },
    })
    await watched.nth('open')
    await sleep(700)
    expect(server.received.filter(({ data }) => data === 'beat').length).toBeGreaterThanOrEqual(2)
    expect([watched.data, watched.opened()]).toEqual([[], ['websocket']]) // heartbeat replies are not delivered
    await proxy.set({ type: 'half-open' })
    const cutAt = performance.now()
    expect(await watched.nth('close')).toMatchObject({ code: 1006, diagnosis: { cause: 'conn.silent' } })
    await watched.nth('open', 2)
    expect(performance.now() - cutAt).toBeLessThan(2000)
    expect(await watched.nth('diagnosis')).toMatchObject({ diagnosis: { cause: 'conn.stale' } })
    await hears(watched)
  })

  it('is detected when an event stream that carried comments falls silent', async () => {
    await using watched = watch({
      transports: ['sse'],
      heartbeat: { intervalMs: 300, timeoutMs: 300 },
      retry: { minDelayMs: 50 },
    })
    await watched.nth('open')
    await sleep(1000)
    expect(watched.opened()).toEqual(['sse'])
    await proxy.set({ type: 'half-open' })
    await watched.nth('open', 2)
    await hears(watched)
  })
})

describe('a client behind a proxy that buffers', () => {
  it('head and body of SSE falls back to long-poll by racing', async () => {
    await start({ from: 'oldest' })
    await proxy.set({ type: 'refuse-upgrade', status: 403 }, { type: 'buffer', only: 'event-stream' })
    await using watched = watch()
    server.publish('hello')
    expect((await watched.nth('open')).transport).toBe('long-poll')
    await hears(watched)
    expect(new Set(watched.of('message').map(({ transport }) => transport))).toEqual(new Set(['long-poll']))
  })

  it('only the body of SSE falls back to long-poll by the heartbeat', async () => {
    await start({ from: 'oldest' })
    await proxy.set({ type: 'refuse-upgrade', status: 403 }, { type: 'swallow-frames', only: 'event-stream' })
    await using watched = watch({ heartbeat: { intervalMs: 300, timeoutMs: 300 }, retry: { minDelayMs: 50 } })
    server.publish('hello')
    await vi.waitFor(() => expect(watched.opened()).toContain('long-poll'), 8000)
    await hears(watched)
  })
})
