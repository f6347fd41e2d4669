import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { mercure } from '../../src/protocols/index.ts'
import { want } from '../support/equipment.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { type Mercure, startMercure } from '../support/mercure.ts'
import { nodeHost, numbered, publishSlowly, watchClient } from '../support/watched-client.ts'

/** A hub built with the official Mercure library. */
let hub: Mercure
beforeEach(async (context) => {
  await want(context, 'a Mercure hub')
  hub = await startMercure()
})
afterEach(() => hub?.[Symbol.asyncDispose]())

const books = 'https://example.com/books/1'
const options = {
  protocol: mercure({ topics: [books] }),
  transports: ['sse'],
  retry: { minDelayMs: 20, maxDelayMs: 20 },
} as const
const bearing = (token: string) => ({ prepare: async () => ({ headers: { Authorization: `Bearer ${token}` } }) })

it('receives the updates of its topics with their ids and types, in order', async () => {
  const protocol = mercure({ topics: [books, 'https://example.com/authors/{id}'] })
  await using watched = watchClient(hub.url, { ...options, protocol })
  await watched.nth('open')
  const id = await hub.publish(books, 'one')
  await hub.publish('https://example.com/reviews/1', 'of no interest')
  await hub.publish('https://example.com/authors/7', 'two\nlines', { id: 'urn:two', type: 'author' })
  await watched.nth('message', 2)
  expect(watched.of('message')).toMatchObject([
    { data: 'one', id, name: 'message', transport: 'sse' },
    { data: 'two\nlines', id: 'urn:two', name: 'author' },
  ])
})

it('subscribes to the topics in the URL when mercure() is given none', async () => {
  const url = `${hub.url}?topic=${encodeURIComponent(books)}&topic=x`
  await using watched = watchClient(url, { ...options, protocol: mercure() })
  await watched.nth('open')
  await hub.publish(books, '1')
  await hub.publish('x', '2')
  await watched.nth('message', 2)
  expect(watched.data).toEqual(['1', '2'])
})

it.each(['other', 'same'])('resumes from the %s origin after each of many cuts, without loss or repetition', async (origin) => {
  await using proxy = await startFaultProxy({ target: { port: hub.port } })
  const host = { ...nodeHost, ...(origin === 'same' && { baseUrl: proxy.url }) }
  await using watched = watchClient(`${proxy.url}/.well-known/mercure`, { ...options, host })
  await watched.nth('open')
  const all = numbered(100)
  const publishing = publishSlowly((data) => hub.publish(books, data), all, 5)
  await watched.nth('message')
  for (let cut = 1; cut <= 5; cut += 1) {
    proxy.killAll()
    await watched.nth('open', cut + 1)
  }
  await publishing
  await vi.waitFor(() => expect(watched.data.at(-1)).toBe('m100'), 5000)
  expect(watched.data).toEqual(all)
  expect(watched.of('open').map(({ resumed }) => resumed)).toEqual([false, ...Array(5).fill(true)])
  const asked = proxy.dials().map(({ path }) => path.includes('lastEventID='))
  expect(asked).toEqual([false, ...Array(5).fill(origin === 'other')])
})

it('resumes after a restart of the hub', async () => {
  await using watched = watchClient(hub.url, options)
  await watched.nth('open')
  await hub.publish(books, '1')
  await watched.nth('message')
  await hub.kill()
  await watched.nth('close')
  await hub.start()
  await hub.publish(books, '2')
  await watched.nth('message', 2)
  expect(watched.data).toEqual(['1', '2'])
})

it('starts with the earliest update or after the one named by lastEventId', async () => {
  const id = await hub.publish(books, '1')
  await hub.publish(books, '2')
  await using all = watchClient(hub.url, { ...options, protocol: mercure({ topics: [books], lastEventId: 'earliest' }) })
  await using rest = watchClient(hub.url, { ...options, protocol: mercure({ topics: [books], lastEventId: id }) })
  await all.nth('message', 2)
  await rest.nth('message')
  expect([all.data, rest.data]).toEqual([['1', '2'], ['2']])
})

it('reports a gap when the hub no longer has the update named by lastEventId, and keeps receiving', async () => {
  await hub.publish(books, '1', { id: 'urn:1é' })
  // HTTP removes the white space around the header in which the hub names the update.
  await hub.publish(books, '2', { id: 'urn:2à ' })
  for (const [lastEventId, gaps] of [
    ['urn:1é', []],
    ['urn:2à ', []],
    ['urn:gone', [{ topic: '', after: null, resumesAt: null }]],
  ] as const) {
    await using watched = watchClient(hub.url, { ...options, protocol: mercure({ topics: [books], lastEventId }) })
    await watched.nth('open')
    const id = await hub.publish(books, 'next')
    await vi.waitFor(() => expect(watched.of('message').at(-1)).toMatchObject({ data: 'next', id }))
    expect(watched.of('gap')).toMatchObject(gaps)
  }
})

it('publishes sent messages with the fixed or computed settings of the publish option', async () => {
  const token = hub.token({ publish: ['*'], subscribe: ['*'] })
  await using subscriber = watchClient(hub.url, { ...options, ...bearing(token) })
  await subscriber.nth('open')
  await using plainly = watchClient(hub.url, {
    ...options,
    ...bearing(token),
    protocol: mercure({ topics: ['x'], publish: { topic: [books, 'urn:alternate'], private: true } }),
  })
  plainly.client.send('a & b = ü')
  await subscriber.nth('message')
  await using specially = watchClient(hub.url, {
    ...options,
    ...bearing(token),
    protocol: mercure({
      topics: ['x'],
      publish: (data) => ({ topic: books, data: data.toUpperCase(), id: 'urn:1', type: 'shout', retryMs: 30 }),
    }),
  })
  specially.client.send('hello')
  await subscriber.nth('message', 2)
  expect(subscriber.of('message')).toMatchObject([
    { data: 'a & b = ü', name: 'message' },
    { data: 'HELLO', name: 'shout', id: 'urn:1' },
  ])
  expect([...plainly.causes(), ...specially.causes()]).toEqual([])
})

it('receives private updates only with a token for their topic', async () => {
  await using entitled = watchClient(hub.url, { ...options, ...bearing(hub.token({ subscribe: [books] })) })
  await using other = watchClient(hub.url, { ...options, ...bearing(hub.token({ subscribe: ['y'] })) })
  await entitled.nth('open')
  await other.nth('open')
  await hub.publish(books, 'private', { private: 'on' })
  await hub.publish(books, 'public')
  await entitled.nth('message', 2)
  await other.nth('message')
  expect([entitled.data, other.data]).toEqual([['private', 'public'], ['public']])
})

it('is authorised by a cookie as well as by a header', async () => {
  const Cookie = `mercureAuthorization=${hub.token({ subscribe: [books] })}`
  const host: typeof nodeHost = {
    ...nodeHost,
    fetch: (url, init) => fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), Cookie } }),
  }
  await using watched = watchClient(hub.url, { ...options, host })
  await watched.nth('open')
  await hub.publish(books, 'private', { private: 'on' })
  await watched.nth('message')
  expect(watched.data).toEqual(['private'])
})

it('asks for a fresh token after a 401, and closes for good if that is refused too', async () => {
  const tokens = ['wrong', hub.token({ subscribe: ['*'] })]
  const prepare = async () => ({ headers: { Authorization: `Bearer ${tokens.shift() ?? 'none'}` } })
  await using renewed = watchClient(hub.url, { ...options, prepare })
  await renewed.nth('open')
  expect(renewed.causes()).toEqual(['http.401'])
  await using refused = watchClient(hub.url, { ...options, ...bearing('wrong') })
  expect(await refused.nth('close')).toMatchObject({ diagnosis: { cause: 'http.401', verdict: 'stop' } })
})

it.each([
  ['without permission to publish', undefined, { publish: { topic: books } }, 'http.401'],
  ['without a topic to publish to', ['*'], {}, 'http.400'],
] as const)('returns a message that the hub rejects as undelivered: %s', async (_, publish, settings, cause) => {
  const token = hub.token({ subscribe: ['*'], ...(publish && { publish }) })
  const protocol = mercure({ topics: [books], ...settings })
  await using watched = watchClient(hub.url, { ...options, ...bearing(token), protocol })
  await watched.nth('open')
  watched.client.send('lost?')
  expect(await watched.nth('error')).toMatchObject({ diagnosis: { cause }, undelivered: ['lost?'] })
})

it('falls back to SSE with the default transports, since a hub serves event streams only', async () => {
  const { transports: _, ...others } = options
  await using watched = watchClient(hub.url, others)
  expect((await watched.nth('open')).transport).toBe('sse')
})
