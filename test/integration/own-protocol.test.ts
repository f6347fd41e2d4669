import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Protocol } from '../../src/index.ts'
import { StopConnecting } from '../../src/index.ts'
import { centrifugo, mercure, plain } from '../../src/protocols/index.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { watchClient } from '../support/watched-client.ts'

/** A server that sends `a` and `b` over each of the transports, and the bodies that were sent to it. */
let server: Server
let origin: string
let bodies: string[]
beforeEach(async () => {
  bodies = []
  let polls = 0
  server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      let body = ''
      for await (const chunk of request) body += chunk
      bodies.push(body)
      response.writeHead(204).end()
    } else if (request.headers.accept === 'text/event-stream') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('data: a\n\ndata: b\n\n')
    } else if (polls < 2) {
      polls += 1
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(polls === 1 ? 'a' : 'b')
    }
  })
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.send('a')
    socket.send('b')
  })
  origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const watch = (protocol: object, transport: 'websocket' | 'sse' | 'long-poll') =>
  watchClient(origin, { protocol: { ...plain(), ...protocol } as Protocol, transports: [transport], retry: { minDelayMs: 20 } })

/** A protocol whose readers treat the message `a` in this way. */
function reading(mistake: (data: unknown) => unknown): object {
  const read = (data: unknown) => (data === 'a' ? mistake(data) : [{ data }])
  return {
    readFrame: read,
    readEvent: ({ data }: { data: string }) => read(data),
    readAnswer: ({ body }: { body: string }) => (body === 'a' ? { messages: mistake(body) } : { messages: [{ data: body }] }),
  }
}

describe.each(['websocket', 'sse', 'long-poll'] as const)('a protocol of an application, over %s', (type) => {
  it.each<[string, (data: unknown) => unknown]>([
    ['one message without a list', (data) => ({ data })],
    ['a promise', async (data) => [{ data }]],
    ['a promise that rejects', async () => Promise.reject(new Error('later'))],
    ['a text', (data) => data],
    ['a list of texts', (data) => [data]],
    ['a list with null', () => [null]],
    [
      'an iterator that throws',
      function* (data) {
        yield { data }
        throw new Error('later')
      },
    ],
  ])('whose reader returns %s loses that message, which is reported, and no connection', async (_, mistake) => {
    await using watched = watch(reading(mistake), type)
    await watched.nth('message')
    expect(watched.data).toEqual(['b'])
    expect(watched.of('error').map(({ scope, diagnosis }) => [scope, diagnosis.message])).toEqual([
      ['message', expect.stringMatching(/the protocol's read(Frame|Event|Answer)\(\) returned no list of messages\.$/)],
    ])
    expect([watched.of('open').length, watched.of('close').length]).toEqual([1, 0])
  })

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('no room')
      },
      "the protocol's ask() failed: no room",
    ],
    ['returns a promise', async () => ({ query: { room: '1' } }), "the protocol's ask() failed: its result is of type Promise"],
    [
      'returns a promise that rejects',
      async () => Promise.reject(new Error('later')),
      "the protocol's ask() failed: its result is of type Promise",
    ],
    [
      'throws a StopConnecting',
      () => {
        throw new StopConnecting('no room')
      },
      'The client stopped: no room.',
    ],
  ])('whose ask() %s ends the client, which says so', async (_, ask, message) => {
    await using watched = watch({ ask }, type)
    const { final, diagnosis } = await watched.nth('close')
    expect([final, diagnosis?.message]).toEqual([true, message])
    expect(watched.of('error')).toHaveLength(1)
  })

  it('whose dialect() throws ends the client, which says so', async () => {
    const dialect = () => {
      throw new Error('no dialect')
    }
    await using watched = watch({ dialect }, type)
    const { final, diagnosis } = await watched.nth('close')
    expect([final, diagnosis?.message]).toEqual([true, "the protocol's dialect() failed: no dialect"])
  })

  it.each([null, undefined, false])('whose ask() returns %s adds nothing to the request', async (nothing) => {
    await using watched = watch({ ask: () => nothing }, type)
    await watched.nth('message', 2)
    expect([watched.data, watched.causes()]).toEqual([['a', 'b'], []])
  })
})

it.each<[string, () => unknown, string]>([
  [
    'throws',
    () => {
      throw new Error('no form')
    },
    'no form',
  ],
  ['returns a promise', async () => 'later', 'its result is of type Promise'],
  ['returns an object', () => ({ item: 'x' }), 'its result is of type Object'],
])('a message whose body() %s is not sent, and returned as undelivered', async (_, body, why) => {
  await using watched = watch({ body }, 'sse')
  await watched.nth('open')
  watched.client.send('x')
  const { undelivered, diagnosis } = await watched.nth('error')
  expect([undelivered, diagnosis.message]).toEqual([['x'], `the protocol's body() failed: ${why}`])
  await watched.nth('message', 2)
  expect([bodies, watched.client.state.status]).toEqual([[], 'open'])
})

it('a result of prepare() that centrifugo() cannot use ends the client, which says so', async () => {
  await using watched = watchClient(origin, {
    protocol: centrifugo(),
    transports: ['sse'],
    prepare: async () => ({ query: { cf_connect: 'token' } }),
  })
  expect((await watched.nth('close')).diagnosis?.message).toBe(
    "the protocol's ask() failed: centrifugo(): cf_connect must be a connect request as JSON",
  )
})

it('an update without a topic is not published, and is returned as undelivered', async () => {
  await using watched = watchClient(origin, { protocol: mercure({ publish: () => ({}) as never }), transports: ['sse'] })
  await watched.nth('open')
  watched.client.send('x')
  const { undelivered, diagnosis } = await watched.nth('error')
  expect([undelivered, diagnosis.message]).toEqual([
    ['x'],
    expect.stringContaining('publish() must return an update with a topic'),
  ])
})
