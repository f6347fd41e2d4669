import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { json } from '../../src/index.ts'
import { RequestError as ServerError } from '../../src/server/index.ts'
import { RequestError, session } from '../../src/session/index.ts'
import { sessionTransports, startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

const names: readonly TransportName[] = sessionTransports.map(({ type }) => type)

describe.each(names)('[SP21] over %s', (type) => {
  const options = { transports: [transportOf(type)] }

  it('request() resolves with the reply of onRequest, as text or bytes', async () => {
    await using rig = await startRig({
      options: {
        onRequest: (_, { data }) => (typeof data === 'string' ? `re: ${data}` : new Uint8Array(data).map((byte) => byte + 1)),
      },
    })
    await using watched = rig.watch(options)
    expect(await watched.client.request('hello\r\n"ü')).toBe('re: hello\r\n"ü')
    const reply = await watched.client.request<ArrayBuffer>(Uint8Array.of(1, 2, 254))
    expect([...new Uint8Array(reply)]).toEqual([2, 3, 255])
    expect(rig.servers.errors).toEqual([])
  })

  it.each([
    ['text', 'x'.repeat(2 ** 20)],
    ['control characters', '\x01'.repeat(2 ** 20)],
    ['quotation marks and surrogate pairs', '"😀'.repeat(2 ** 17)],
    ['bytes', Uint8Array.from({ length: 2 ** 20 }, (_, index) => index % 256).buffer],
  ])('a request and its reply may be as large as the largest message: %s', async (_, data) => {
    await using rig = await startRig({ options: { onRequest: (_, message) => message.data } })
    await using watched = rig.watch(options)
    watched.client.onrequest = (request) => request.data
    const isSame = (other: string | ArrayBuffer | undefined) =>
      typeof other === 'object' && typeof data === 'object' ? Buffer.from(other).equals(Buffer.from(data)) : other === data
    expect(isSame(await watched.client.request(data))).toBe(true)
    const [handle] = (await rig.servers.servers[0]?.sessionsOf('anonymous')) ?? []
    expect(isSame(await handle?.request(data))).toBe(true)
    expect(rig.servers.errors).toEqual([])
    expect(watched.of('error')).toEqual([])
  })

  it('requests are handled once and answered once across reconnects and three servers', async () => {
    const handled: string[] = []
    await using rig = await startRig({
      count: 3,
      options: {
        async onRequest(_, { data }) {
          handled.push(String(data))
          await sleep(Number(data) % 7)
          return `${data}!`
        },
      },
    })
    await using watched = rig.watch(options)
    const asked = Array.from({ length: 60 }, (_, index) => String(index))
    const replies: Promise<unknown>[] = []
    for (const [index, each] of asked.entries()) {
      replies.push(watched.client.request(each))
      if (index % 20 === 19) rig.proxy.killAll()
      await sleep(5)
    }
    expect(await Promise.all(replies)).toEqual(asked.map((each) => `${each}!`))
    expect([...handled].sort()).toEqual([...asked].sort())
    expect(rig.servers.errors).toEqual([])
  })

  it('a server on any node can send a request to the client', async () => {
    await using rig = await startRig({ count: 2 })
    await using watched = rig.watch(options)
    watched.client.onrequest = ({ data }) => `page: ${data}`
    await watched.nth('open')
    const id = (await rig.servers.store.sessions.sessionsOf('anonymous'))[0] ?? ''
    for (const server of rig.servers.servers) {
      const handle = await server.session(id)
      expect(await handle?.request('who?')).toBe('page: who?')
    }
    expect(rig.servers.errors).toEqual([])
  })

  it("a request rejects with 'closed' if its handler outlives the session, even if the client is offline then", async () => {
    let handled = () => {}
    const isHandled = new Promise<void>((resolve) => {
      handled = resolve
    })
    await using rig = await startRig({
      options: {
        async onRequest(session, { data }) {
          if (data === 'first') return 'in time'
          await rig.proxy.set({ type: 'refuse' })
          rig.proxy.killAll()
          await session.close(4001, 'kicked')
          setTimeout(handled, 50)
          return 'too late'
        },
      },
    })
    await using watched = rig.watch(options)
    await watched.nth('open')
    const asked = ['first', 'last'].map((each) => watched.client.request(each).catch(({ code }: RequestError) => code))
    await isHandled
    await rig.proxy.set()
    expect(await Promise.all(asked)).toEqual(['in time', 'closed'])
    expect(rig.servers.errors).toEqual([])
  })
})

it('[SP21] a RequestError thrown by onRequest reaches the client, any other error only as "internal"', async () => {
  await using rig = await startRig({
    options: {
      onRequest(_, { data }) {
        if (data === 'a') throw new ServerError('not-found', 'no such room')
        if (data === 'n') throw new ServerError(404, 'no')
        throw new Error('the password is 1234')
      },
    },
  })
  await using watched = rig.watch()
  const failures = await Promise.allSettled(['a', 'n', 'x'].map((each) => watched.client.request(each)))
  expect(
    failures.map(
      (each) => each.status === 'rejected' && [each.reason instanceof RequestError, each.reason.code, each.reason.message],
    ),
  ).toEqual([
    [true, 'not-found', 'no such room'],
    [true, 404, 'no'],
    [true, 'internal', ''],
  ])
  expect(rig.servers.errors).toEqual([new Error('the password is 1234')])
})

it.each([undefined, Number.NaN, 5n, {}])(
  '[SP21] a RequestError with the invalid code %s, which a subclass can give it, reaches the other side as "internal"',
  async (code) => {
    const thrown = (error: object) => Object.assign(error, { code })
    await using rig = await startRig({
      options: {
        onRequest() {
          throw thrown(new ServerError('a', 'no room'))
        },
      },
    })
    const report = vi.fn()
    await using watched = rig.watch({ host: { report } })
    watched.client.onrequest = () => {
      throw thrown(new RequestError('a', 'no room'))
    }
    const fault = { code: 'internal', message: 'no room' }
    await expect(watched.client.request('x')).rejects.toMatchObject(fault)
    const [handle] = (await rig.servers.servers[0]?.sessionsOf('anonymous')) ?? []
    await expect(handle?.request('x')).rejects.toMatchObject(fault)
    expect(watched.of('close')).toEqual([])
    expect(rig.servers.errors).toEqual([expect.any(TypeError)])
  },
)

it('[SP21] over poll a reply arrives without waiting for the next poll interval', async () => {
  await using rig = await startRig({
    options: {
      async onRequest(_, { data }) {
        await sleep(Number(data))
        return data
      },
      onSubscribe: () => true,
      onPublish: () => true,
    },
  })
  await using watched = rig.watch({ transports: [{ type: 'poll', url: '?transport=poll', intervalMs: 600_000 }] })
  for (const each of ['0', '50', '400']) expect(await watched.client.request(each)).toBe(each)
  const topic = watched.client.subscribe('t')
  expect(await topic.publish('x')).toBe(1)
  expect(topic.state).toBe('subscribed')
})

it("[SP21] a request, or a reply of the client, larger than maxMessageBytes rejects with 'undelivered'", async () => {
  await using rig = await startRig({ options: { onRequest: (_, { data }) => data, limits: { maxMessageBytes: 1000 } } })
  await using watched = rig.watch()
  expect(await watched.client.request('x'.repeat(1000))).toHaveLength(1000)
  await expect(watched.client.request('ü'.repeat(501))).rejects.toMatchObject({ code: 'undelivered' })
  await expect(watched.client.request(new Uint8Array(1001))).rejects.toMatchObject({ code: 'undelivered' })
  watched.client.onrequest = ({ data }) => new Uint8Array(Number(data))
  const [handle] = (await rig.servers.servers[0]?.sessionsOf('anonymous')) ?? []
  expect(await handle?.request<ArrayBuffer>('1000')).toHaveProperty('byteLength', 1000)
  await expect(handle?.request('1001')).rejects.toMatchObject({ code: 'undelivered' })
})

it('[SP21] a RequestError from another entry point of the package is recognised on both sides', async () => {
  vi.resetModules()
  const other = await import('../../src/session/index.ts')
  expect(other.RequestError).not.toBe(ServerError)
  class NoRoom extends other.RequestError {}
  expect([new NoRoom('x') instanceof ServerError, new ServerError('x') instanceof NoRoom, {} instanceof ServerError]).toEqual([
    true,
    false,
    false,
  ])
  await using rig = await startRig({
    options: {
      onRequest() {
        throw new NoRoom('no-room', 'full')
      },
    },
  })
  await using watched = rig.watch()
  await expect(watched.client.request('x')).rejects.toMatchObject({ code: 'no-room', message: 'full' })
  watched.client.onrequest = () => {
    throw new other.RequestError(409, 'not now')
  }
  const [handle] = (await rig.servers.servers[0]?.sessionsOf('anonymous')) ?? []
  await expect(handle?.request('x')).rejects.toMatchObject({ code: 409, message: 'not now' })
  expect(rig.servers.errors).toEqual([])
})

it('[SP21] invalid options of request() and subscribe() throw an error that states what is expected', async () => {
  await using rig = await startRig()
  await using watched = rig.watch()
  await watched.nth('open')
  const { client } = watched
  for (const options of [null, 5000, 'x'] as never[]) {
    await expect(client.request('x', options)).rejects.toThrow(/the options of request\(\) must be an object/)
    expect(() => client.subscribe('x', options)).toThrow(/the options of subscribe\(\) must be an object/)
  }
  expect(() => client.subscribe('x', { params: 1n })).toThrow(/subscribe\(\)\.params must be JSON/)
  const [handle] = (await rig.servers.servers[0]?.sessionsOf('anonymous')) ?? []
  expect(() => handle?.request('x', { timeout: 5 } as never)).toThrow(/unknown option 'timeout'; did you mean 'timeoutMs'/)
  expect(() => handle?.request('x', { signal: new AbortController() } as never)).toThrow(/signal as an AbortSignal/)
  expect(() => handle?.request('x', null as never)).toThrow(/takes options as an object/)
})

it('[SP21] a request rejects with "unhandled" if the server has no onRequest or the client no onrequest', async () => {
  await using rig = await startRig()
  await using watched = rig.watch()
  await expect(watched.client.request('x')).rejects.toMatchObject({ code: 'unhandled' })
  const id = (await rig.servers.store.sessions.sessionsOf('anonymous'))[0] ?? ''
  const handle = await rig.servers.servers[0]?.session(id)
  await expect(handle?.request('x')).rejects.toMatchObject({ code: 'unhandled' })
})

it('[SP21] a slow request does not delay the requests and messages after it', async () => {
  const seen: string[] = []
  await using rig = await startRig({
    options: {
      async onRequest(_, { data }) {
        if (data === 'slow') await sleep(400)
        return data
      },
      onMessage: (_, { data }) => void seen.push(String(data)),
    },
  })
  await using watched = rig.watch()
  const order: unknown[] = []
  const slow = watched.client.request('slow').then((reply) => order.push(reply))
  const fast = watched.client.request('fast').then((reply) => order.push(reply))
  watched.client.send('message')
  await Promise.all([slow, fast])
  expect(order).toEqual(['fast', 'slow'])
  expect(seen).toEqual(['message'])
  await watched.client.flushed()
})

it("[SP21] aborting or timing out a request rejects it and aborts its handler's signal on any node", async () => {
  const aborted: unknown[] = []
  await using rig = await startRig({
    count: 3,
    options: {
      onRequest: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason)
            resolve('late')
          })
        }),
    },
  })
  await using watched = rig.watch({ transports: [transportOf('long-poll')] })
  const controller = new AbortController()
  const request = watched.client.request('x', { signal: controller.signal })
  setTimeout(() => controller.abort(new Error('enough')), 300)
  await expect(request).rejects.toThrow('enough')
  await vi.waitFor(() => expect(aborted).toMatchObject([{ code: 'aborted' }]), 3000)
  await expect(watched.client.request('y', { timeoutMs: 200 })).rejects.toMatchObject({ code: 'timeout' })
  await vi.waitFor(() => expect(aborted).toHaveLength(2), 3000)
})

it('[SP21] flushed() resolves with the messages for which onMessage has thrown', async () => {
  await using rig = await startRig({
    options: {
      onMessage(_, { data }) {
        if (data === 'b') throw new ServerError('bad', 'not b')
        if (data === 'c') return Promise.reject(new Error('secret'))
        return undefined
      },
    },
  })
  await using watched = rig.watch()
  for (const each of ['a', 'b', 'c', 'd']) watched.client.send(each)
  const { refused } = await watched.client.flushed()
  expect(refused.map(({ data, error }) => [data, error.code, error.message])).toEqual([
    ['b', 'bad', 'not b'],
    ['c', 'internal', ''],
  ])
  watched.client.send('e')
  expect((await watched.client.flushed()).refused).toEqual([])
})

it('[SP21] close() rejects pending and later requests; a client in plain mode rejects every request', async () => {
  await using rig = await startRig({ options: { onRequest: () => new Promise(() => {}) } })
  await using watched = rig.watch()
  const request = watched.client.request('x')
  await watched.nth('open')
  const refused = expect(request).rejects.toMatchObject({ code: 'closed' })
  await watched.client.close()
  await refused
  await expect(watched.client.request('y')).rejects.toMatchObject({ code: 'closed' })
  await using plain = watchClient(rig.url, { autoConnect: false })
  await expect(plain.client.request('z')).rejects.toThrow(/session\(\)/)
  expect(() => plain.client.subscribe('z')).toThrow(/session\(\)/)
})

it("[SP21] a request that was rejected with 'closed' is not handled in the next session", async () => {
  const log: string[] = []
  await using rig = await startRig({
    options: {
      onSession: () => void log.push('session'),
      async onRequest(session, { data }) {
        log.push(String(data))
        if (data === 'end') await session.close(4410, 'ended')
        return data === 'pending' ? new Promise(() => {}) : data
      },
      onMessage: (_, { data }) => void log.push(`message ${data}`),
    },
  })
  await using watched = rig.watch()
  const { client } = watched
  const asked = ['pending', 'end'].map((each) => client.request(each).catch(({ code }: RequestError) => code))
  expect(await Promise.all(asked)).toEqual(['closed', 'closed'])
  await vi.waitFor(() => expect(client.state.status).toBe('closed'))
  log.length = 0
  client.connect()
  client.send('text')
  expect(await client.request('later')).toBe('later')
  await client.flushed()
  expect(log).toEqual(['session', 'message text', 'later'])
})

it.each(['websocket', 'sse', 'long-poll', 'poll'] as const)(
  '[SP8] a message over %s whose handler ends the session is not handled in the next one',
  async (transport) => {
    const log: string[] = []
    await using rig = await startRig({
      options: {
        onSession: () => void log.push('session'),
        async onMessage(session, { data }) {
          log.push(String(data))
          if (data === 'log out') await session.close(4410, 'logged out')
        },
      },
    })
    await using watched = rig.watch({ transports: [transport] })
    const { client } = watched
    client.send('log out')
    await vi.waitFor(() => expect(client.state.status).toBe('closed'), 10_000)
    client.connect()
    client.send('later')
    await client.flushed()
    expect(log).toEqual(['session', 'log out', 'session', 'later'])
  },
)

it('[SP8] a client that polls rarely gets the end of its session once, when it sends', async () => {
  let isEnded = false
  await using rig = await startRig({
    options: {
      async onMessage(session) {
        await session.send('farewell')
        await session.close(4321, 'ended')
        isEnded = true
      },
    },
  })
  await using watched = rig.watch({ transports: [{ type: 'poll', intervalMs: 60_000 }] })
  const { client } = watched
  await watched.nth('open')
  client.send('end it')
  await vi.waitFor(() => expect(isEnded).toBe(true))
  client.send('too late')
  await vi.waitFor(() => expect(client.state.status).toBe('closed'), 10_000)
  expect(watched.data).toEqual(['farewell'])
  expect(watched.of('close').map(({ code, final }) => [code, final])).toEqual([[4321, true]])
  expect(watched.causes()).toEqual(['close.4321'])
})

it('[SP21] requests and replies are encoded and decoded by the codecs of client and server', async () => {
  await using rig = await startRig({
    options: { codec: json(), onRequest: (_: unknown, { data }: { data: unknown }) => ({ got: data }) } as never,
  })
  const { client } = rig.watch({ protocol: session(), codec: json() } as never)
  const reply = await client.request<unknown>({ a: [1, 'ü'] } as never)
  expect(reply).toEqual({ got: { a: [1, 'ü'] } })
  await client.close()
})

it('[SP21] a server request whose result is not awaited causes no unhandled rejection', async () => {
  await using rig = await startRig()
  await using watched = rig.watch()
  await watched.nth('open')
  const rejections: unknown[] = []
  const note = (error: unknown) => void rejections.push(error)
  process.on('unhandledRejection', note)
  const id = (await rig.servers.store.sessions.sessionsOf('anonymous'))[0] ?? ''
  const handle = await rig.servers.servers[0]?.session(id)
  void handle?.request('x', { timeoutMs: 20 })
  await sleep(100)
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
  for (const data of [5, undefined]) expect(() => handle?.request(data as never)).toThrow(/session\.request\(\) takes a string/)
})
