import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { json, RealtimeClient } from '../../src/index.ts'
import { betterSse } from '../../src/protocols/index.ts'
import { type BetterSseServer, startBetterSse } from '../support/better-sse-server.ts'
import { nodeHost, publishSlowly, watchClient } from '../support/watched-client.ts'

/** A server that uses better-sse, a library by other authors. */
let server: BetterSseServer
beforeEach(async () => {
  server = await startBetterSse({ retryMs: 100, keepAliveMs: 50 })
})
afterEach(() => server.close())

const options = { protocol: betterSse(), retry: { minDelayMs: 20, maxDelayMs: 20 } }

it('receives the events of better-sse with their names and ids, as text or decoded', async () => {
  await using watched = watchClient(server.url, { ...options, transports: ['sse'] })
  await using decoded = watchClient(server.url, { ...options, transports: ['sse'], codec: json() })
  await watched.nth('open')
  await decoded.nth('open')
  await vi.waitFor(() => expect(server.connections()).toBe(2))
  server.publish({ n: 1 })
  server.publish('two', { name: 'named' })
  await watched.nth('message', 2)
  expect(watched.of('message')).toMatchObject([
    { data: '{"n":1}', id: '1', name: 'message', transport: 'sse' },
    { data: '"two"', id: '2', name: 'named', transport: 'sse' },
  ])
  await decoded.nth('message', 2)
  expect(decoded.data).toEqual([{ n: 1 }, 'two'])
})

it.each(['other', 'same'])(
  'resumes from the %s origin after each of many crashes, without loss or repetition',
  async (origin) => {
    const host = { ...nodeHost, ...(origin === 'same' && { baseUrl: server.url }) }
    await using watched = watchClient(server.url, { ...options, transports: ['sse'], host })
    await watched.nth('open')
    await vi.waitFor(() => expect(server.connections()).toBe(1))
    const all = Array.from({ length: 200 }, (_, n) => n + 1)
    const publishing = publishSlowly((n) => server.publish(Number(n)), all.map(String), 10)
    await watched.nth('message')
    for (let crash = 1; crash <= 5; crash += 1) {
      server.killAll()
      await watched.nth('open', crash + 1)
    }
    await publishing
    await vi.waitFor(() => expect(watched.data.at(-1)).toBe('200'), 5000)
    expect(watched.data.map(Number)).toEqual(all)
    expect(watched.of('open').map(({ resumed }) => resumed)).toEqual([false, ...Array(5).fill(true)])
    // The `retry:` of the server is the minimum of every reconnect delay.
    expect(watched.of('close').every(({ retry }) => (retry?.delayMs ?? 0) >= 100)).toBe(true)
  },
)

it('falls back to SSE with the default transports, since better-sse serves event streams only', async () => {
  await using watched = watchClient(server.url, options)
  expect((await watched.nth('open')).transport).toBe('sse')
  await vi.waitFor(() => expect(server.connections()).toBe(1))
  server.publish('hello')
  await watched.nth('message')
  expect(watched.data).toEqual(['"hello"'])
})

it('close() ends the connection to the better-sse server', async () => {
  const client = new RealtimeClient(server.url, { ...options, transports: ['sse'], host: nodeHost })
  await vi.waitFor(() => expect(server.connections()).toBe(1))
  await client.close()
  await vi.waitFor(() => expect(server.connections()).toBe(0))
})
