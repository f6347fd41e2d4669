import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TransportName } from '../../src/api/options.ts'
import { json, RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { RequestError, session } from '../../src/session/index.ts'
import { createFakeServer, type FakeServer, type FakeServerOptions } from '../../src/testing/index.ts'

type Json = { readonly [Name in string]?: unknown } | string | number

const url = 'https://example.test/live'
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const running: { server: FakeServer<Json, Json>; clients: RealtimeClient<Json, Json>[] }[] = []

beforeEach(() => void vi.useFakeTimers())
afterEach(async () => {
  for (const { server, clients } of running.splice(0)) {
    const closing = Promise.all(clients.map((client) => client.close()))
    await pass(10_000)
    await closing
    server.close()
  }
  await pass(5000)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function pass(ms: number) {
  return vi.advanceTimersByTimeAsync(ms)
}

function start(options: Partial<FakeServerOptions<Json, Json>> = {}) {
  const server = createFakeServer<Json, Json>({ codec: json(), ...options })
  const clients: RealtimeClient<Json, Json>[] = []
  running.push({ server, clients })
  return {
    server,
    open(more: RealtimeOptions<Json, Json> = {}) {
      const client = new RealtimeClient<Json, Json>(url, { protocol: session(), codec: json(), ...more, ...server.options })
      clients.push(client)
      return client
    },
  }
}

const failure = (promise: Promise<unknown>) => promise.then(() => null).catch((error) => [error.code, error.message])

describe.each(transports)('[SP21] [SP22] calls over %s', (transport) => {
  const options = { transports: [transport] }

  it('the test answers and refuses requests of the page, and sends requests to it', async () => {
    const { server, open } = start()
    const client = open(options)
    const replies = Promise.all([client.request({ n: 1 }), client.request({ n: 2 })])
    const refusal = failure(client.request({ n: 3 }))
    const [first, second, third] = [await server.nextRequest(), await server.nextRequest(), await server.nextRequest()]
    expect([first.data, second.data, third.data]).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    second.reply({ of: 2 })
    first.reply('one')
    third.refuse('not-found', 'no such room')
    await pass(10_000)
    expect(await replies).toEqual(['one', { of: 2 }])
    expect(await refusal).toEqual(['not-found', 'no such room'])
    client.onrequest = ({ data }) => {
      if (data === 'no') throw new RequestError(409, 'not now')
      return { page: data }
    }
    const asked = first.session
    const answers = Promise.all([asked.request('x'), failure(asked.request('no'))])
    await pass(20_000)
    expect(await answers).toEqual([{ page: 'x' }, [409, 'not now']])
    await Promise.all([client.flushed(), pass(10_000)])
  })

  it('a page reads a topic with its history, publishes, sees the members, and unsubscribes', async () => {
    const { server, open } = start({ onPublish: (_, data) => ({ data: { said: data } }) })
    for (const each of ['a', 'b', 'c']) server.publish('chat', each)
    server.setMembers('chat', [{ id: '1', info: 'ann' }])
    const client = open(options)
    const chat = client.subscribe('chat', { since: { last: 2 } })
    const seen: unknown[] = []
    chat.on('message', ({ data }) => seen.push(data))
    const { presence } = chat
    expect(presence.members).toEqual([])
    await pass(20_000)
    expect([chat.state, seen]).toEqual(['subscribed', ['b', 'c']])
    const offset = chat.publish('d')
    server.publish('chat', 'e')
    server.setMembers('chat', [
      { id: '1', info: 'ann' },
      { id: '2', info: 'bob' },
    ])
    await pass(20_000)
    expect(await offset).toBe(5)
    expect(seen.slice(2)).toEqual(['e', { said: 'd' }])
    expect(server.published('chat')).toEqual(['a', 'b', 'c', 'e', { said: 'd' }])
    expect(presence.members.map(({ info }) => info)).toEqual(['ann', 'bob'])
    expect(server.sessions[0]?.topics).toEqual(['chat', 'presence:chat'])
    chat.unsubscribe()
    await pass(10_000)
    expect(server.sessions[0]?.topics).toEqual([])
  })
})

it('[SP21] handlers answer at once or later, and what they throw reaches the client only as a RequestError', async () => {
  const { server, open } = start({
    async onRequest(data, { session }) {
      if (data === 'refused') throw new RequestError('no', 'not you')
      if (data === 'broken') throw new Error('a secret')
      return data === 'nothing' ? undefined : [session.id.length > 0, data].join()
    },
  })
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const client = open()
  expect(await client.request('a')).toBe('true,a')
  expect(await client.request('nothing')).toBeUndefined()
  expect(await failure(client.request('refused'))).toEqual(['no', 'not you'])
  expect(await failure(client.request('broken'))).toEqual(['internal', ''])
  expect(server.leftovers()).toContain('onRequest threw: a secret')
  expect(reported).toHaveBeenCalledOnce()
  vi.unstubAllGlobals()
})

it('[SP21] an aborted or timed-out request aborts its signal; an unanswered one is in leftovers()', async () => {
  const { server, open } = start()
  const client = open()
  const controller = new AbortController()
  const aborted = failure(client.request('a', { signal: controller.signal }))
  const late = failure(client.request('b', { timeoutMs: 1000 }))
  const [a, b] = [await server.nextRequest(), await server.nextRequest()]
  expect(server.leftovers()).toContain('a request was not answered: "a"')
  controller.abort(new RequestError('gone', 'by the user'))
  expect(await aborted).toEqual(['gone', 'by the user'])
  await pass(1000)
  expect(await late).toEqual(['timeout', 'There was no reply in 1000 ms.'])
  expect([a.signal.aborted, b.signal.aborted]).toEqual([true, true])
  expect(server.leftovers().filter((each) => each.includes('request'))).toEqual([])
  a.reply('late')
  expect(() => a.reply('again')).toThrow(/was answered before/)
})

it('[SP21] a request continues over the next connection, and ends with the session', async () => {
  const { server, open } = start()
  const client = open()
  const first = client.request('a')
  const request = await server.nextRequest()
  const connection = await server.nextConnection()
  connection.lose()
  request.reply('while away')
  await pass(1000)
  expect(await first).toBe('while away')
  const second = failure(client.request('b'))
  const { signal, session: asked } = await server.nextRequest()
  const unanswered = failure(asked.request('?'))
  client.onrequest = () => new Promise(() => {})
  client.on('error', () => {})
  asked.end(4402, 'over')
  await pass(1000)
  expect([(await second)?.[0], (await unanswered)?.[0], signal.aborted]).toEqual(['closed', 'closed', true])
})

it('[SP21] a RequestError of onMessage refuses the message, and flushed() returns it', async () => {
  const { open, server } = start({
    onMessage(data) {
      if (data === 'b') throw new RequestError('bad', 'not b')
    },
  })
  const client = open()
  for (const each of ['a', 'b', 'c']) client.send(each)
  const { refused } = await client.flushed()
  expect(refused.map(({ data, error }) => [data, error.code])).toEqual([['b', 'bad']])
  expect(server.takeMessages()).toEqual(['a', 'b', 'c'])
})

it('[SP22] a topic is refused, or allowed until it expires, and is subscribed again with fresh params', async () => {
  const asked: unknown[] = []
  const { open, server } = start({
    onSubscribe(topic, params) {
      asked.push([topic, params])
      if (topic === 'secret') throw new RequestError('not-yours', 'it is mine')
      return asked.length < 4 ? { expiresAt: Date.now() + 60_000 } : false
    },
  })
  const client = open()
  const secret = client.subscribe('secret')
  let tokens = 0
  const prices = client.subscribe('prices', { params: () => ({ token: ++tokens }) })
  await pass(100)
  expect([secret.state, secret.error?.code, prices.state]).toEqual(['refused', 'not-yours', 'subscribed'])
  await pass(70_000)
  expect(prices.state).toBe('subscribed')
  server.sessions[0]?.unsubscribe('prices')
  await pass(1000)
  expect([prices.state, asked.slice(1)]).toEqual([
    'refused',
    [
      ['prices', { token: 1 }],
      ['prices', { token: 2 }],
      ['prices', { token: 3 }],
    ],
  ])
})

it.each([
  ['onSubscribe() returns `topic` as a name of 1 to 1,024 characters.', 'onSubscribe', { topic: 7 }],
  ["onSubscribe() returns `since` as an offset, 'start', or { last: n }.", 'onSubscribe', { since: 'begin' }],
  ['onSubscribe() returns `expiresAt` as milliseconds since 1970.', 'onSubscribe', { expiresAt: '2030-01-01' }],
  ['onPublish() returns `topic` as a name of 1 to 1,024 characters.', 'onPublish', { topic: '' }],
])('[SP22] an invalid decision is reported, and refused as internal: %s', async (message, handler, verdict) => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const { open, server } = start({ [handler]: () => verdict })
  const client = open()
  const topic = client.subscribe('news')
  const published = failure(topic.publish('x'))
  await pass(1000)
  vi.unstubAllGlobals()
  const isSubscribe = handler === 'onSubscribe'
  expect([topic.state, topic.error?.code]).toEqual(isSubscribe ? ['refused', 'internal'] : ['subscribed', undefined])
  expect(await published).toEqual(isSubscribe ? null : ['internal', ''])
  expect(server.leftovers()).toContain(`${handler} threw: FakeServer: ${message}`)
  expect([reported.mock.calls.length, server.dials.length]).toEqual([1, 1])
})

it('[SP22] a topic is restored after a lost session, with what was published meanwhile', async () => {
  const { open, server } = start({ onSubscribe: async (topic) => ({ topic: `real ${topic}` }) })
  const client = open()
  const news = client.subscribe('news')
  const seen: unknown[] = []
  news.on('message', ({ data }) => seen.push(data))
  news.on('gap', () => seen.push('gap'))
  await pass(100)
  server.publish('real news', 'one')
  expect(await news.publish('two')).toBe(2)
  server.forgetSessions()
  server.publish('real news', 'three')
  await pass(1000)
  server.publish('real news', 'four')
  expect(seen).toEqual(['one', 'two', 'three', 'four'])
  server.connections[0]?.lose()
  server.publish('real news', 'five')
  server.sessions.at(-1)?.loseMessages('news')
  await pass(1000)
  expect(seen.slice(4)).toEqual(['gap'])
})

it('[SP22] calls are decided in the order of their sending, however long a decision takes', async () => {
  const seen: unknown[] = []
  const { open, server } = start({
    onSubscribe: () => new Promise((resolve) => setTimeout(() => resolve(true), 1000)),
    onRequest: () => server.published('t').length,
  })
  const client = open()
  const topic = client.subscribe('t')
  topic.on('message', ({ data }) => seen.push(data))
  const offset = topic.publish('x')
  const count = client.request('how many?')
  await pass(2000)
  expect([await offset, await count, seen]).toEqual([1, 1, ['x']])
})
