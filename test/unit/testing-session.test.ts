import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TransportName } from '../../src/api/options.ts'
import { json, RealtimeClient, type RealtimeEvent, type RealtimeOptions } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { createFakeServer, type FakeServer } from '../../src/testing/index.ts'

const url = 'https://example.test/live'
let server: FakeServer
const clients: RealtimeClient[] = []

beforeEach(() => {
  vi.useFakeTimers()
  server = createFakeServer()
})
afterEach(async () => {
  const closing = Promise.all(clients.splice(0).map((client) => client.close()))
  await pass(10_000)
  await closing
  server.close()
  await pass(5000)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function pass(ms: number) {
  return vi.advanceTimersByTimeAsync(ms)
}

function open(options: RealtimeOptions = {}) {
  const client = new RealtimeClient(url, { protocol: session(), ...options, ...server.options })
  clients.push(client)
  const told: string[] = []
  const errors: RealtimeEvent<'error'>[] = []
  client.on('open', ({ transport, resumed }) => told.push(`open ${transport}${resumed ? ', resumed' : ''}`))
  client.on('message', ({ data, topic }) =>
    told.push(`${topic && `${topic}: `}${typeof data === 'string' ? data : `${data.byteLength} bytes`}`),
  )
  client.on('error', (event) => errors.push(event))
  client.on('close', ({ code, reason, final }) => told.push(`close ${code} ${reason}${final ? ', final' : ''}`))
  return { client, told, errors }
}

const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

describe.each(transports)('a session over %s', (transport) => {
  it('opens, sends and receives text and bytes, also of topics', async () => {
    const { client, told } = open({ transports: [transport] })
    client.send('hello')
    client.send(new Uint8Array([1, 2]))
    client.send('two\nlines\r')
    await pass(10_000)
    const connection = await server.nextConnection()
    const [first, bytes, last] = server.takeMessages()
    expect([first, [...new Uint8Array(bytes as ArrayBuffer)], last]).toEqual(['hello', [1, 2], 'two\nlines\r'])
    await client.flushed()
    connection.send('one')
    server.send('a\nb', { topic: 'news' })
    connection.send(new Uint8Array(3))
    server.send('c', { topic: 'news' })
    await pass(10_000)
    expect(told).toEqual([`open ${transport}`, 'one', 'news: a\nb', '3 bytes', 'news: c'])
    expect(server.sessions.map(({ id }) => id)).toEqual([connection.session?.id])
  })

  it('loses and repeats no message in either direction when its connection is lost', async () => {
    const { client, told } = open({ transports: [transport] })
    await pass(6000)
    const connection = await server.nextConnection()
    connection.send('before', { topic: 'news' })
    await pass(6000)
    server.down()
    expect(() => connection.send('x')).toThrow(/connection\.session\.send\(\)/)
    client.send('up')
    server.send('while away')
    server.send('topic while away', { topic: 'news' })
    await pass(10_000)
    server.accept()
    await pass(20_000)
    expect(told.filter((each) => !each.startsWith('close'))).toEqual([
      `open ${transport}`,
      'news: before',
      `open ${transport}, resumed`,
      'while away',
      'news: topic while away',
    ])
    expect(server.takeMessages()).toEqual(['up'])
  })

  it('that the server forgets begins anew, and sends unacknowledged messages again', async () => {
    const { client, told } = open({ transports: [transport] })
    await pass(6000)
    server.send('of the old life')
    await pass(6000)
    server.holdAcknowledgments()
    client.send('unacknowledged')
    await pass(2000)
    expect(server.takeMessages()).toEqual(['unacknowledged'])
    const [lost] = server.sessions
    server.forgetSessions()
    expect(() => lost?.send('x')).toThrow(/send\(\) on a session that forgetSessions\(\) has lost/)
    await pass(20_000)
    expect(server.takeMessages()).toEqual(['unacknowledged'])
    server.acknowledge()
    await pass(6000)
    await client.flushed()
    server.send('of the new life')
    await pass(10_000)
    expect(told.filter((each) => !each.startsWith('close'))).toEqual([
      `open ${transport}`,
      'of the old life',
      `open ${transport}`,
      'of the new life',
    ])
  })

  it('that the server ends closes its client, which first gets the messages sent before', async () => {
    const { client, told, errors } = open({ transports: [transport] })
    await pass(6000)
    const { session: own } = await server.nextConnection()
    server.down()
    own?.send('last words')
    own?.end(4410, 'kicked')
    expect([own?.isAttached, own?.ended]).toEqual([false, { code: 4410, reason: 'kicked' }])
    expect(() => own?.send('more')).toThrow(/send\(\) on a session that has ended \(4410 kicked\)/)
    server.accept()
    await pass(20_000)
    expect(client.state.status).toBe('closed')
    expect(told.slice(-2)).toEqual(['last words', 'close 4410 kicked, final'])
    expect(errors.at(-1)?.diagnosis.cause).toBe('close.4410')
  })

  it('stays open for an hour without errors or another dial', async () => {
    const { client, told, errors } = open({ transports: [transport] })
    await pass(3_600_000)
    server.send('still here')
    await pass(6000)
    expect([client.state.status, told, errors]).toEqual(['open', [`open ${transport}`, 'still here'], []])
    expect(server.dials.length).toBe(1)
  })

  it('is refused with a close code', async () => {
    server.refuse({ code: 4403, reason: 'not you' })
    const { told, errors } = open({ transports: [transport] })
    await pass(20_000)
    expect(told).toEqual(['close 4403 not you, final'])
    expect(errors.at(-1)?.diagnosis.cause).toBe('close.4403')
  })

  it('ends with its client, and the server records the end', async () => {
    const { client } = open({ transports: [transport] })
    await pass(6000)
    const connection = await server.nextConnection()
    if (transport !== 'websocket') {
      server.down()
      await pass(1000)
      server.accept()
    }
    await client.close()
    await pass(1000)
    expect(connection.session?.ended?.code).toBe(1000)
  })
})

describe('a session', () => {
  it('reports a gap for messages of a topic that the log has lost, and continues behind it', async () => {
    const { client, told } = open()
    const gaps: unknown[] = []
    client.on('gap', ({ topic, after, resumesAt }) => gaps.push([topic, after, resumesAt]))
    const connection = await server.nextConnection()
    server.send('1', { topic: 'news' })
    connection.lose()
    for (const text of ['2', '3']) server.send(text, { topic: 'news' })
    server.send('other', { topic: 'chat' })
    connection.session?.loseMessages('news')
    server.send('4', { topic: 'news' })
    await pass(1000)
    expect(gaps).toEqual([['news', 1, 4]])
    expect(told.filter((each) => !/^(close|open)/.test(each))).toEqual(['news: 1', 'chat: other', 'news: 4'])
    server.connections[0]?.lose()
    await pass(5000)
    expect(gaps.length).toBe(1)
  })

  it('makes flushed() reject after its end, if a message was not acknowledged', async () => {
    const { client } = open()
    const connection = await server.nextConnection()
    server.holdAcknowledgments()
    client.send('kept')
    expect(await server.nextMessage()).toBe('kept')
    connection.session?.end(4402)
    expect(client.state.status).toBe('closed')
    await expect(client.flushed()).rejects.toThrow('RealtimeClient: it was closed before all was sent.')
  })

  it('reports unacknowledged messages of a lost session with `resend: false`', async () => {
    const { client, errors } = open({ protocol: session({ resend: false }) })
    await pass(10)
    server.holdAcknowledgments()
    client.send('x')
    await pass(10)
    server.forgetSessions()
    await pass(10_000)
    expect(errors.flatMap(({ undelivered = [], unconfirmed = [] }) => [...undelivered, ...unconfirmed])).toEqual(['x'])
  })

  it('replaces a stalled connection, and gets the messages sent meanwhile', async () => {
    const { told, errors } = open()
    const connection = await server.nextConnection()
    connection.stall()
    server.send('into the void')
    await pass(60_000)
    expect(told.filter((each) => !each.startsWith('close'))).toEqual(['open websocket', 'into the void'])
    expect([errors, server.dials.length]).toEqual([[], 2])
    expect((await connection.closed).by).toBe('network')
  })

  it('sends auth, and renews it when the server asks', async () => {
    let token = 0
    const prepare = () => {
      token += 1
      return { auth: { token } }
    }
    open({ prepare })
    const connection = await server.nextConnection()
    expect([connection.auth, server.dials[0]?.auth, connection.subprotocols]).toEqual([
      { token: 1 },
      { token: 1 },
      ['steadfast.v1'],
    ])
    connection.session?.askForAuth()
    await pass(10)
    expect(connection.auth).toEqual({ token: 2 })
  })

  it('opens with a hello that is too long for a header', async () => {
    open({ prepare: () => ({ auth: 'x'.repeat(10_000) }) })
    const connection = await server.nextConnection()
    expect(String(connection.auth).length).toBe(10_000)
    expect(connection.isOpen).toBe(true)
  })

  it('opens over another transport when the upgrade is refused with a status, diagnosed as `ws.failed`', async () => {
    server.refuse({ status: 403 }, { transports: ['websocket'] })
    const { client, errors } = open()
    const causes: string[] = []
    client.on('diagnosis', ({ diagnosis }) => causes.push(diagnosis.cause))
    await pass(8000)
    expect([errors.length, client.state.status]).toEqual([1, 'open'])
    expect(causes).toEqual(['ws.failed'])
  })

  it('falls back where WebSockets are refused, and is resumed by the transport that works', async () => {
    const { told } = open()
    await pass(10)
    server.refuse({ status: 403 }, { transports: ['websocket'] })
    ;(await server.nextConnection()).lose()
    server.send('kept')
    await pass(10_000)
    expect(told.filter((each) => !each.startsWith('close'))).toEqual(['open websocket', 'open sse, resumed', 'kept'])
  })

  it('has typed messages', async () => {
    const typed = createFakeServer<{ readonly price: number }, { readonly say: string }>({ codec: json() })
    const client = new RealtimeClient(url, {
      protocol: session(),
      codec: json<{ readonly price: number }, { readonly say: string }>(),
      ...typed.options,
    })
    const prices: number[] = []
    client.on('message', ({ data }) => prices.push(data.price))
    client.send({ say: 'hello' })
    expect(await typed.nextMessage()).toEqual({ say: 'hello' })
    typed.send({ price: 3 })
    expect(prices).toEqual([3])
    await client.close()
    expect(typed.close()).toEqual([])
  })
})
