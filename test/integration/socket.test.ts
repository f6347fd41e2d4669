import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { TransportName } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'

const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const echo = {
  onMessage: (session: { send(data: never): unknown }, { data }: { readonly data: unknown }) => session.send(data as never),
}
/** Each of the codes that steadfast.v1 uses itself, and one that it does not. */
const codes = [4000, 4400, 4401, 4403, 4408, 4409, 4410, 4413, 4429, 4500, 4503, 4321]

describe.each(transports)('a socket over %s', (type) => {
  it('sends and receives texts, bytes and Blobs in order', async () => {
    await using bench = await startSockets(echo)
    const { socket, data, opened, log, closed } = bench.socket(type)
    await opened()
    const bytes = Uint8Array.of(0, 10, 13, 255)
    for (const each of ['one', new Blob(['b', 'lob']), '', bytes.subarray(1), bytes.buffer, 'lone \ud83d', 'zwei\r\n🙂'])
      socket.send(each as string)
    expect(socket.bufferedAmount).toBe(3 + 4 + 0 + 3 + 4 + 8 + 10)
    await vi.waitFor(() => expect(data).toHaveLength(7), 5000)
    expect(data).toEqual([
      ...['one', new TextEncoder().encode('blob').buffer, '', Uint8Array.of(10, 13, 255).buffer, bytes.buffer],
      ...['lone \ufffd', 'zwei\r\n🙂'],
    ])
    await vi.waitFor(() => expect(socket.bufferedAmount).toBe(0), 5000)
    socket.close(4400, 'mine')
    expect(socket.readyState).toBe(2)
    expect(await closed()).toMatchObject({ code: 4400, reason: 'mine', wasClean: true, diagnosis: null })
    await vi.waitFor(() => expect(bench.endings).toEqual([{ by: 'client', code: 4400, reason: 'mine' }]))
    expect(log).toEqual(['open', [4400, 'mine', true, 3]])
  })

  it('delivers the messages that were sent right before close(), and closes cleanly', async () => {
    const handled: unknown[] = []
    await using bench = await startSockets({
      async onMessage(_, { data }) {
        await sleep(30)
        handled.push(data)
      },
    })
    const { socket, opened, closed, log } = bench.socket(type)
    await opened()
    socket.send('last')
    socket.send('words')
    socket.close(3000, 'mine')
    expect(await closed()).toMatchObject({ code: 3000, reason: 'mine', wasClean: true })
    expect(handled).toEqual(['last', 'words'])
    expect(log).toEqual(['open', [3000, 'mine', true, 3]])
  })

  it('receives what the server sent before it closed, even while the page is sending', async () => {
    await using bench = await startSockets({
      onSession(session) {
        setTimeout(() => void session.send('result').then(() => session.close(3001, 'done')), 300)
      },
    })
    const { socket, opened, closed, data } = bench.socket(type)
    await opened()
    const sending = setInterval(() => socket.readyState === 1 && socket.send('y'), 5)
    try {
      expect(await closed(8000)).toMatchObject({ code: 3001, reason: 'done', wasClean: true })
    } finally {
      clearInterval(sending)
    }
    expect(data).toEqual(['result'])
  })

  it('hides reconnects and alternating nodes from the page', async () => {
    await using bench = await startSockets(echo, { count: 2 })
    const { socket, data, opened, log } = bench.socket(type)
    await opened()
    const sent = Array.from({ length: 120 }, (_, index) => `m${index}`)
    for (const [index, each] of sent.entries()) {
      socket.send(each)
      if (index % 30 === 29) bench.rig.proxy.killAll()
      await sleep(4)
    }
    await vi.waitFor(() => expect(data).toHaveLength(sent.length), 15_000)
    expect(data).toEqual(sent)
    expect(log).toEqual(['open'])
    expect(bench.sessions).toHaveLength(1)
  })

  it('closes with any close code of the server, after the message sent before', async () => {
    await using bench = await startSockets({
      onMessage: async (session, { data }) => {
        await session.send('last')
        await session.close(Number(data), 'of the application')
      },
    })
    for (const code of codes) {
      const { socket, opened, closed, data, log } = bench.socket(type)
      await opened()
      socket.send(String(code))
      expect(await closed()).toMatchObject({ code, reason: 'of the application', wasClean: true, diagnosis: null })
      expect(data).toEqual(['last'])
      expect(log).toEqual(['open', [code, 'of the application', true, 3]])
    }
    expect(bench.sessions).toHaveLength(codes.length)
  })

  it('closes with 1005, or fails with 1006, if the server closes with that code', async () => {
    await using bench = await startSockets({
      onMessage: async (session, { data }) => {
        await session.send('last')
        await session.close(Number(data))
      },
    })
    const closing = bench.socket(type)
    await closing.opened()
    closing.socket.send('1005')
    expect(await closing.closed()).toMatchObject({ code: 1005, reason: '', wasClean: true, diagnosis: null })
    expect(closing.log).toEqual(['open', [1005, '', true, 3]])
    const breaking = bench.socket(type)
    await breaking.opened()
    breaking.socket.send('1006')
    expect(await breaking.closed()).toMatchObject({ code: 1006, reason: '', wasClean: false })
    expect(breaking.log).toEqual(['open', 'error', [1006, '', false, 3]])
    expect([closing.data, breaking.data]).toEqual([['last'], ['last']])
    expect(bench.sessions).toHaveLength(2)
  })

  it('fails with 1006 if the session is lost, and creates no other session', async () => {
    await using bench = await startSockets()
    const { socket, opened, closed, log } = bench.socket(type)
    await opened()
    const [session] = bench.sessions
    const { sessions } = bench.rig.servers.store
    const read = await sessions.read(session?.id ?? '')
    expect(await sessions.remove(session?.id ?? '', read?.version ?? 0)).toBe(true)
    bench.rig.proxy.killAll()
    socket.send('to nobody')
    const { diagnosis, ...end } = await closed(10_000)
    expect([end.code, end.reason, end.wasClean]).toEqual([1006, '', false])
    expect(diagnosis?.message).toContain('session is lost')
    expect(log).toEqual(['open', 'error', [1006, '', false, 3]])
    expect(bench.sessions).toHaveLength(1)
    expect(socket.bufferedAmount).toBe(9)
    socket.send('12345')
    expect(socket.bufferedAmount).toBe(14)
  })

  it('negotiates a subprotocol, and fails without a common one', async () => {
    await using bench = await startSockets({
      selectProtocol: (protocols) => protocols.find((each) => each === 'graphql-transport-ws'),
    })
    const chosen = bench.socket(type, ['mqtt', 'graphql-transport-ws'])
    await chosen.opened()
    expect(chosen.socket.protocol).toBe('graphql-transport-ws')
    expect(bench.sessions[0]?.protocol).toBe('graphql-transport-ws')
    const none = bench.socket(type, 'mqtt')
    expect(await none.closed()).toMatchObject({ code: 1006, wasClean: false })
    expect(none.log).toEqual(['error', [1006, '', false, 3]])
    expect(bench.sessions).toHaveLength(1)
  })
})

it('a socket fails with 1006 if messages of the server are lost', async () => {
  await using bench = await startSockets({ onSession: (session) => session.subscribe('news') })
  const { opened, closed, log } = bench.socket('sse')
  await opened()
  const { topics } = bench.rig.servers.store
  bench.rig.proxy.killAll()
  await bench.rig.proxy.set({ type: 'reset' })
  for (let n = 0; n < 5; n += 1) await bench.rig.servers.server(0).publish('news', 'x'.repeat(10))
  await topics.append('news', 'the only one that is kept', { maxMessages: 1 })
  await bench.rig.proxy.set()
  const { diagnosis, code } = await closed(10_000)
  expect([code, diagnosis?.cause]).toEqual([1006, 'session.lost'])
  expect(log).toEqual(['open', 'error', [1006, '', false, 3]])
})

it('a socket fails with 1006 after the resume window, even if the server is unreachable', async () => {
  await using bench = await startSockets({ resumeWindowMs: 600 })
  const { opened, closed } = bench.socket('websocket')
  await opened()
  await bench.rig.proxy.set({ type: 'reset' })
  bench.rig.proxy.killAll()
  const { code, diagnosis } = await closed(8000)
  expect(code).toBe(1006)
  expect(diagnosis?.evidence.transport).toBe('websocket')
})

it('a socket whose server is unreachable fails once, and does not dial again', async () => {
  await using bench = await startSockets()
  await bench.rig.proxy.set({ type: 'reset' })
  const { closed, log, socket } = bench.socket('websocket')
  const { diagnosis } = await closed()
  expect(diagnosis).not.toBeNull()
  // Wait for follow-up requests of the diagnosis.
  await sleep(300)
  const dials = bench.rig.proxy.dials().length
  await sleep(1500)
  expect(bench.rig.proxy.dials()).toHaveLength(dials)
  expect(log).toEqual(['error', [1006, '', false, 3]])
  expect(socket.readyState).toBe(3)
})

it('a message that is too large for the server fails the socket, and no later message is handled', async () => {
  const handled: unknown[] = []
  await using bench = await startSockets({
    limits: { maxMessageBytes: 1000 },
    onMessage: (_, { data }) => void handled.push(data),
  })
  const { opened, closed, socket } = bench.socket('sse')
  await opened()
  socket.send('fits')
  socket.send('x'.repeat(1001))
  const { code, diagnosis } = await closed()
  expect([code, diagnosis?.cause]).toEqual([1006, 'client.too_large'])
  socket.send('behind')
  await sleep(100)
  expect(handled).toEqual(['fits'])
})

it('close() before a socket is open fails it, and leaves no attached session', async () => {
  await using bench = await startSockets()
  const now = bench.socket('sse')
  now.socket.close()
  expect([now.socket.readyState, now.log]).toEqual([2, []])
  expect(await now.closed()).toMatchObject({ code: 1006, wasClean: false })
  const later = bench.socket('sse')
  await sleep(0)
  later.socket.close(4000, 'never')
  await later.closed()
  expect([now.log, later.log]).toEqual([
    ['error', [1006, '', false, 3]],
    ['error', [1006, '', false, 3]],
  ])
  await sleep(200)
  for (const session of bench.sessions) expect(session.isAttached).toBe(false)
})

it.each<[undefined?, string?]>([[], [undefined, 'a Close frame without a code has no reason']])(
  'close() without a code results in 1005 at the client and 1000 at the server, given %s %s',
  async (...given) => {
    await using bench = await startSockets()
    const { opened, closed, socket } = bench.socket('websocket')
    await opened()
    socket.close(...given)
    expect(await closed()).toMatchObject({ code: 1005, reason: '', wasClean: true })
    await vi.waitFor(() => expect(bench.endings).toEqual([{ by: 'client', code: 1000, reason: '' }]))
  },
)

it('a socket whose credentials are refused calls prepare() once more, and fails if they are refused again', async () => {
  await using bench = await startSockets({ authenticate: (_, auth) => (auth === 'token 2' ? { id: 'ann' } : null) })
  let asked = 0
  const prepare = () => {
    asked += 1
    return { auth: `token ${asked}` }
  }
  const first = bench.socket('sse', [], { prepare })
  await first.opened()
  expect([asked, first.log]).toEqual([2, ['open']])
  const second = bench.socket('sse', [], { prepare })
  const { code, diagnosis } = await second.closed()
  expect([asked, code, diagnosis?.cause]).toEqual([4, 1006, 'close.4401'])
})

it('a socket that the server refuses with a retryAfterMs waits and then opens', async () => {
  await using bench = await startSockets({ limits: { attachmentsPerSecond: 1 } })
  const sockets = [bench.socket('sse'), bench.socket('sse'), bench.socket('sse'), bench.socket('sse')]
  await vi.waitFor(() => expect(sockets.map(({ log }) => log)).toEqual(sockets.map(() => ['open'])), 10_000)
})
