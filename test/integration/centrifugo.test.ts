import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import { type CentrifugoSettings, centrifugo } from '../../src/protocols/index.ts'
import { type Centrifugo, startCentrifugo } from '../support/centrifugo.ts'
import { want } from '../support/equipment.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { nodeHost, publishSlowly, type WatchedClient, watchClient } from '../support/watched-client.ts'

/** A real Centrifugo, and a proxy in front of it that cuts connections. */
let server: Centrifugo
let proxy: FaultProxy
beforeEach(async (context) => {
  await want(context, 'Centrifugo')
  server = await startCentrifugo()
  proxy = await startFaultProxy({ target: { port: server.port } })
})
afterEach(async () => {
  await proxy?.close()
  await server?.[Symbol.asyncDispose]()
})

const ranking = [
  { type: 'websocket', url: '/connection/uni_websocket' },
  { type: 'sse', url: '/connection/uni_sse' },
] as const
const optionsOf = (type: 'websocket' | 'sse', settings: CentrifugoSettings = { channels: ['news'] }) => ({
  protocol: centrifugo(settings),
  transports: ranking.filter((each) => each.type === type),
  prepare: async () => ({ query: { cf_connect: JSON.stringify({ token: server.token() }) } }),
  retry: { minDelayMs: 20, maxDelayMs: 20 },
})
const watch = (options: RealtimeOptions, origin = proxy.url) => watchClient(origin, options)
const values = ({ data }: WatchedClient) => data.map((message) => JSON.parse(String(message)))
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index)

describe.each(['websocket', 'sse'] as const)('over %s', (type) => {
  it('receives what is published to its channels, with the channel as topic', async () => {
    await using watched = watch(optionsOf(type, { channels: ['news', 'weather'] }))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
    await server.publish('news', { n: 1 })
    await server.publish('other', { n: 0 })
    await server.publish('weather', 'rain')
    await watched.nth('message', 2)
    expect(watched.of('message')).toMatchObject([
      { data: '{"n":1}', topic: 'news', id: '1', transport: type },
      { data: '"rain"', topic: 'weather', id: '1' },
    ])
  })

  it('resumes each channel after each of five cuts, without loss or repetition', async () => {
    await using watched = watch(optionsOf(type, { channels: ['news', 'weather'] }))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('weather')).toBe(1))
    const publishing = publishSlowly(
      (n) => Promise.all([server.publish('news', Number(n)), server.publish('weather', Number(n))]),
      upTo(100).map(String),
      5,
    )
    await watched.nth('message')
    for (let cut = 1; cut <= 5; cut += 1) {
      proxy.killAll()
      await watched.nth('open', cut + 1)
    }
    await publishing
    await watched.nth('message', 200)
    const of = (topic: string) => watched.of('message').flatMap((each) => (each.topic === topic ? Number(each.data) : []))
    expect([of('news'), of('weather')]).toEqual([upTo(100), upTo(100)])
    expect(watched.of('open').map(({ resumed }) => resumed)).toEqual([false, ...Array(5).fill(true)])
  })

  it('receives a message published while it is offline, even if it has received none before', async () => {
    await using watched = watch(optionsOf(type))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
    await proxy.set({ type: 'refuse' })
    proxy.killAll()
    await server.publish('news', 1)
    await proxy.set({ type: 'pass' })
    await watched.nth('message')
    expect(values(watched)).toEqual([1])
  })

  it('reports a gap and keeps receiving after Centrifugo restarts without its history', async () => {
    await using watched = watch(optionsOf(type))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
    for (const n of upTo(3)) await server.publish('news', n)
    await watched.nth('message', 3)
    await server.kill()
    await watched.nth('close')
    await server.start()
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1), 10_000)
    await server.publish('news', 4)
    await watched.nth('message', 4)
    proxy.killAll()
    await server.publish('news', 5)
    await watched.nth('message', 5)
    expect(values(watched)).toEqual(upTo(5))
    // The history starts empty after the restart: messages published before that may have been missed.
    expect(watched.of('gap')).toMatchObject([{ topic: 'news', after: null, resumesAt: 1 }])
  })

  it('stops for good when the token is invalid', async () => {
    const prepare = async () => ({ query: { cf_connect: '{"token":"wrong"}' } })
    await using watched = watch({ ...optionsOf(type), prepare })
    const { diagnosis } = await watched.nth('close')
    expect(diagnosis).toMatchObject({ cause: 'client.stopped', verdict: 'stop' })
    expect(diagnosis?.message).toBe('The client stopped: invalid token (3500).')
  })

  it('reconnects with a fresh token after a disconnect whose code is not terminal', async () => {
    await using watched = watch(optionsOf(type))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
    await server.call('disconnect', { user: '42', disconnect: { code: 3012, reason: 'come again' } })
    await watched.nth('open', 2)
    await server.publish('news', 1)
    await watched.nth('message')
    expect(values(watched)).toEqual([1])
  })

  it('stops for good after a disconnect with a terminal code', async () => {
    await using watched = watch(optionsOf(type))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
    await server.call('disconnect', { user: '42', disconnect: { code: 4501, reason: 'go away' } })
    expect((await watched.nth('close')).diagnosis?.message).toBe('The client stopped: go away (4501).')
  })

  it('follows subscriptions and unsubscriptions that the server makes', async () => {
    await using watched = watch(optionsOf(type, {}))
    await watched.nth('open')
    await vi.waitFor(async () => {
      await server.call('subscribe', { user: '42', channel: 'made' })
      expect(await subscribers('made')).toBe(1)
    })
    await server.publish('made', 1)
    await watched.nth('message')
    await server.call('unsubscribe', { user: '42', channel: 'made' })
    await server.publish('made', 2)
    await server.call('subscribe', { user: '42', channel: 'brief:other' })
    await server.publish('brief:other', 3)
    await watched.nth('message', 2)
    expect(values(watched)).toEqual([1, 3])
  })

  it('receives messages of channels without a history, without ids', async () => {
    await using watched = watch(optionsOf(type, { channels: ['brief:x'], recovery: false }))
    await watched.nth('open')
    await vi.waitFor(async () => expect(await subscribers('brief:x')).toBe(1))
    await server.publish('brief:x', 1)
    await watched.nth('message')
    expect(watched.of('message')).toMatchObject([{ data: '1', id: '', topic: 'brief:x' }])
  })
})

it('diagnoses the HTTP status that Centrifugo is configured to refuse with, and retries 401 with a fresh token', async () => {
  await using strict = await startCentrifugo({ 3500: 401 })
  const tokens = ['wrong', strict.token()]
  const prepare = async () => ({ query: { cf_connect: JSON.stringify({ token: tokens.shift() ?? 'none' }) } })
  await using renewed = watch({ ...optionsOf('sse'), prepare }, strict.origin)
  await renewed.nth('open')
  expect(renewed.causes()).toEqual(['http.401'])
  await using refused = watch({ ...optionsOf('sse'), prepare }, strict.origin)
  expect(await refused.nth('close')).toMatchObject({ diagnosis: { cause: 'http.401', verdict: 'stop' } })
})

it('falls back from WebSocket to SSE and returns to WebSocket, without loss or repetition', async () => {
  const start = performance.now()
  const now = () => start + (performance.now() - start) * 20
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms / 20)
    return () => clearTimeout(timer)
  }
  await proxy.set({ type: 'refuse-upgrade', status: 403 })
  const options = { ...optionsOf('sse'), transports: ranking, host: { ...nodeHost, now, after }, connectTimeoutMs: 60_000 }
  await using watched = watch(options)
  await watched.nth('open')
  await vi.waitFor(async () => expect(await subscribers('news')).toBe(1))
  const count = 300
  const publishing = publishSlowly((n) => server.publish('news', Number(n)), upTo(count).map(String), 20)
  await watched.nth('message')
  await proxy.set({ type: 'delay', ms: 40, only: 'websocket' })
  await publishing
  await watched.nth('message', count)
  expect(values(watched)).toEqual(upTo(count))
  expect(watched.of('transport').map(({ from, to }) => `${from}>${to}`)).toEqual(['sse>websocket'])
})

async function subscribers(channel: string): Promise<number> {
  const { channels } = (await server.call('channels', { pattern: channel })) as {
    channels: Readonly<Record<string, { readonly num_clients: number }>>
  }
  return channels[channel]?.num_clients ?? 0
}
