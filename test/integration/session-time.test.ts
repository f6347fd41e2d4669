import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Payload } from '../../src/api/protocol.ts'
import type { RealtimeServerOptions } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import { startReferenceServer } from '../support/reference-server.ts'
import { type SessionRig, sessionTransports, startRig, transportOf } from '../support/session-rig.ts'
import { makeTraffic, wholeReport } from '../support/traffic.ts'
import { watchClient } from '../support/watched-client.ts'

/** Tests in real time: silence, slow links, and the half minute after which a better transport is tried again. */
const { message: messageOf, tally } = makeTraffic()
const names = sessionTransports.map(({ type }) => type)
const quickRetry = { minDelayMs: 20, maxDelayMs: 100 }

// They run concurrently, since they wait for more than a minute in total.
describe.concurrent('in real time', () => {
  it.each(names)('[SP7] a half-open link is detected while sending, without a loss: %s', { timeout: 40_000 }, async (type) => {
    const received: unknown[] = []
    await using rig = await startRig({ options: { onMessage: (_, { data }) => void received.push(data) } })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: quickRetry })
    await watched.nth('open')
    await sleep(200)
    await rig.proxy.set({ type: 'half-open' })
    await rig.proxy.set({ type: 'pass' })
    const since = performance.now()
    let sent = 0
    const sending = setInterval(() => watched.client.send(String(++sent)), 50)
    await vi.waitFor(() => expect(received.length).toBeGreaterThan(0), { timeout: 20_000, interval: 20 })
    const elapsedMs = performance.now() - since
    clearInterval(sending)
    await watched.client.flushed()
    expect(received).toEqual(Array.from({ length: sent }, (_, index) => String(index + 1)))
    // On a WebSocket nothing arrives before the timeout; over HTTP only one request is lost, and others of the client pass.
    expect(elapsedMs).toBeGreaterThan(type === 'websocket' ? 5900 : 0)
    expect(elapsedMs).toBeLessThan(8000)
  })

  it.each(names)('[SP6] an idle half-open link is detected, without a loss: %s', { timeout: 40_000 }, async (type) => {
    let id = ''
    const onSession: RealtimeServerOptions['onSession'] = (session) => {
      id = session.id
    }
    await using rig = await startRig({ options: { heartbeatMs: 1000, onSession } })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: quickRetry })
    await watched.nth('open')
    await sleep(1500)
    const session = await rig.servers.server().session(id)
    await rig.proxy.set({ type: 'half-open' })
    await rig.proxy.set({ type: 'pass' })
    await session?.send('hello')
    const since = performance.now()
    await watched.nth('message', 1, 20_000)
    // A poll whose connection is dead cannot be told from a slow one before its timeout.
    expect(performance.now() - since).toBeLessThan(type === 'poll' ? 13_000 : 10_500)
    expect(watched.data).toEqual(['hello'])
  })

  it.each(names)('[SP6][SP7] a transfer of 1 MB each way at 30 kB/s is not aborted: %s', { timeout: 120_000 }, async (type) => {
    const size = 1_000_000
    const bytes = new Uint8Array(size).map((_, index) => index % 251)
    const received: (readonly [number, boolean])[] = []
    const isWhole = (data: Payload) => typeof data !== 'string' && Buffer.from(data).equals(bytes)
    await using rig = await startRig({
      options: {
        onMessage(session, { data }) {
          if (data === 'go') void session.send(bytes)
          else received.push([performance.now(), isWhole(data)])
        },
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: quickRetry })
    await watched.nth('open')
    await rig.proxy.set({ type: 'slow', bytesPerSecond: 30_000 })
    const since = performance.now()
    watched.client.send('go')
    watched.client.send(bytes)
    await watched.nth('message', 1, 110_000)
    await watched.client.flushed()
    expect(performance.now() - since).toBeGreaterThan(30_000)
    expect(watched.data.map(isWhole)).toEqual([true])
    expect(received.map(([, whole]) => whole)).toEqual([true])
    expect(watched.of('close')).toEqual([])
    expect(rig.proxy.dials('websocket').length).toBe(type === 'websocket' ? 1 : 0)
  })

  it.each(['sse', 'long-poll', 'poll'] as const)(
    '[SP5] a client moves from %s to WebSocket without losing, repeating or delaying a message',
    { timeout: 60_000 },
    async (type) => {
      const traffic = startTraffic(type)
      await using rig = await startRig({ options: traffic.handlers })
      await rig.proxy.set({ type: 'refuse-upgrade', status: 403 })
      await using watched = rig.watch({ transports: [transportOf('websocket'), transportOf(type)], retry: quickRetry })
      await watched.nth('open')
      expect(watched.opened()).toEqual([type])
      await rig.proxy.set({ type: 'pass' })
      const stop = traffic.run(rig, watched.client)
      const move = await watched.nth('transport', 1, 45_000)
      expect(move).toMatchObject({ from: type, to: 'websocket' })
      await sleep(300)
      const { report, slowestMs } = await stop()
      expect(report).toEqual(report.map(({ taken }) => wholeReport(taken)))
      expect(report[0]?.taken).toBeGreaterThan(500)
      // Over poll a message waits for the next request as well.
      expect(slowestMs).toBeLessThan(2000)
      expect([watched.of('close'), watched.of('gap'), watched.opened()]).toEqual([[], [], [type]])
      expect(watched.client.state).toMatchObject({ status: 'open', transport: 'websocket' })
      await vi.waitFor(() => expect([rig.proxy.connections('websocket')]).toEqual([1]))
    },
  )

  it('[SP5] a failed move to WebSocket loses and delays no message', { timeout: 60_000 }, async () => {
    const traffic = startTraffic('failing move')
    await using rig = await startRig({ options: traffic.handlers })
    await rig.proxy.set({ type: 'refuse-upgrade', status: 403 })
    await using watched = rig.watch({ transports: [transportOf('websocket'), transportOf('sse')], retry: quickRetry })
    await watched.nth('open')
    const dials = () => rig.proxy.dials('websocket').length
    expect(dials()).toBe(1)
    await rig.proxy.set({ type: 'swallow-frames', only: 'websocket' })
    const stop = traffic.run(rig, watched.client)
    await vi.waitFor(() => expect(dials()).toBe(2), { timeout: 45_000, interval: 50 })
    await sleep(2500)
    const { report, slowestMs } = await stop()
    expect(report).toEqual(report.map(({ taken }) => wholeReport(taken)))
    // A message that waited for the move would wait until its timeout.
    expect(slowestMs).toBeLessThan(2000)
    expect([watched.of('close'), watched.of('transport'), watched.opened()]).toEqual([[], [], ['sse']])
  })

  it('[SP5] a client whose WebSocket keeps dying falls back to SSE and loses no message', { timeout: 40_000 }, async () => {
    const traffic = startTraffic('dying')
    await using rig = await startRig({ options: traffic.handlers })
    await rig.proxy.set({ type: 'kill-after-open', ms: 150, only: 'websocket' })
    await using watched = rig.watch({ retry: quickRetry })
    await watched.nth('open')
    const stop = traffic.run(rig, watched.client)
    await vi.waitFor(() => expect(watched.opened()).toContain('sse'), 10_000)
    await sleep(2000)
    const { report } = await stop()
    expect(report).toEqual(report.map(({ taken }) => wholeReport(taken)))
    expect(watched.opened().at(-1)).toBe('sse')
    expect(watched.of('gap')).toEqual([])
  })

  it('[SP5] a client whose WebSocket swallows frames opens over SSE and loses no message', { timeout: 40_000 }, async () => {
    const traffic = startTraffic('swallowing')
    await using rig = await startRig({ options: traffic.handlers })
    await rig.proxy.set({ type: 'swallow-frames', only: 'websocket' })
    await using watched = rig.watch({ raceAfterMs: 300, retry: quickRetry })
    const open = await watched.nth('open')
    expect(open).toMatchObject({ transport: 'sse' })
    const stop = traffic.run(rig, watched.client)
    await sleep(3000)
    const { report } = await stop()
    expect(report).toEqual(report.map(({ taken }) => wholeReport(taken)))
    expect([watched.opened(), watched.of('close')]).toEqual([['sse'], []])
  })

  it.each(names)('a server that does not speak steadfast.v1 is diagnosed: %s', { timeout: 40_000 }, async (type) => {
    const server = await startReferenceServer({ from: 'oldest' })
    server.publish('a message that is no frame')
    await using watched = watchClient(server.url, { protocol: session(), transports: [transportOf(type)], retry: quickRetry })
    await watched.nth('error')
    await watched.client.close()
    await server.close()
    // The reference server answers a POST with an empty page.
    expect(watched.of('error')[0]?.diagnosis.cause).toBe(type === 'websocket' ? 'protocol-mismatch' : 'http.not_realtime')
    expect(watched.opened()).toEqual([])
  })
})

/** Sends numbered messages in both directions, to the session and to a topic, until it is stopped. */
function startTraffic(name: string) {
  const seed = [...name].reduce((sum, sign) => sum * 31 + sign.charCodeAt(0), 7)
  const up = tally(seed)
  const down = [tally(seed + 1), tally(seed + 2)] as const
  const sentAt: number[] = []
  let slowestMs = 0
  let id = ''
  const handlers: RealtimeServerOptions = {
    async onSession(session) {
      id = session.id
      await session.subscribe('news')
    },
    onMessage: (_, { data }) => up.take(data),
  }
  return {
    handlers,
    /** Returns a function that stops it and waits until every message has arrived. */
    run(rig: SessionRig, client: ReturnType<SessionRig['watch']>['client']) {
      let sent = 0
      let isStopped = false
      client.on('message', ({ data, topic }) => {
        const counted = down[topic === 'news' ? 1 : 0]
        if (topic === 'news') slowestMs = Math.max(slowestMs, performance.now() - (sentAt[counted.due] ?? Infinity))
        counted.take(data)
      })
      const loop = async () => {
        const session = await rig.servers.server().session(id)
        while (!isStopped) {
          sent += 1
          sentAt[sent] = performance.now()
          client.send(messageOf(seed, sent))
          await session?.send(messageOf(seed + 1, sent))
          await rig.servers.server().publish('news', messageOf(seed + 2, sent))
          await sleep(10)
        }
      }
      const looping = loop()
      return async () => {
        isStopped = true
        await looping
        await client.flushed()
        await vi.waitFor(() => expect(down.map(({ due }) => due)).toEqual([sent + 1, sent + 1]), 10_000)
        return { report: [up, ...down].map((each) => each.report(sent)), slowestMs }
      }
    },
  }
}
