import { describe, expect, it } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { Ending } from '../../src/server/store/ports.ts'
import { codes } from '../../src/wire/steadfast-v1.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'

interface Bench extends AsyncDisposable {
  readonly url: string
  readonly servers: RealtimeServers
  readonly sessions: Session[]
  readonly endings: Ending[]
}

async function start(options: RealtimeServerOptions = {}, count = 1): Promise<Bench> {
  const sessions: Session[] = []
  const endings: Ending[] = []
  const servers = await RealtimeServers.start({
    count,
    options: {
      onSession: (session) => void sessions.push(session),
      onEnd: (_, ending) => void endings.push(ending),
      ...options,
    },
  })
  return {
    url: servers.urls[0] ?? '',
    servers,
    sessions,
    endings,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

/** The codes that steadfast.v1 uses itself, and others. */
const applicationCodes = [...Object.values(codes), 1000, 1001, 1011, 1014, 3000, 4321, 4999]

describe('[SP19] close codes of the application', () => {
  it.each(applicationCodes)(
    '%i is sent as 4410 with the code in `application`, to open attachments and to later ones',
    async (code) => {
      await using bench = await start()
      const id = randomSession()
      const socket = await new RawSocket(bench.url, { session: id, turn: 1, protocols: [] }).opened()
      const stream = await new RawStream(bench.url, { session: id, k: 2, protocols: [] }).opened()
      await until(() => bench.sessions.length === 1)
      const reason = 'é'.repeat(61)
      await bench.sessions[0]?.close(code, reason)
      const close = { code: 4410, reason, application: code }
      expect(await stream.over()).toEqual(close)
      await socket.over()
      expect(socket.frames.at(-1)).toBe(`x${JSON.stringify(close)}`)
      expect(socket.close).toEqual({ code: 4410, reason })
      const late = new RawSocket(bench.url, { session: id, k: 3, cursor: `0.0~${socket.open.epoch}`, protocols: [] })
      await late.over()
      expect(late.frames).toEqual([`x${JSON.stringify(close)}`])
      const answer = await rawPost(bench.url, { session: id, k: 4, cursor: `0.0~${socket.open.epoch}`, wait: 0, protocols: [] })
      expect([answer.status, await answer.json()]).toEqual([410, expect.objectContaining({ steadfast: 'v1', ...close })])
      expect(bench.endings).toEqual([{ by: 'server', code, reason }])
    },
  )

  it('default to 1000, and are refused by session.close() if a WebSocket cannot send them', async () => {
    await using bench = await start()
    const stream = await new RawStream(bench.url, { protocols: [] }).opened()
    await until(() => bench.sessions.length === 1)
    const [session] = bench.sessions
    for (const code of [999, 1004, 1015, 2999, 5000, 3000.5, Number.NaN])
      expect(() => session?.close(code)).toThrow('takes a code as a WebSocket has it: 1000 to 1014 without 1004, or 3000')
    expect(() => session?.close(4400, 'x'.repeat(124))).toThrow('123 bytes')
    await session?.close()
    expect(await stream.over()).toEqual({ code: 4410, reason: '', application: 1000 })
  })

  it('[SP8] of a client end its session unchanged, even 4000', async () => {
    await using bench = await start()
    for (const code of [4000, 4400, 4409]) {
      const session = randomSession()
      const raw = await new RawSocket(bench.url, { session, turn: 1, protocols: [] }).opened()
      raw.socket.close(code, 'bye')
      await until(() => bench.endings.at(-1)?.code === code, `${code} ends no session`)
    }
    const session = randomSession()
    const stream = await new RawStream(bench.url, { session, turn: 1, protocols: [] }).opened()
    const cursor = `0.0~${stream.open.epoch}`
    await rawSend(bench.url, { session, turn: 1, cursor, protocols: [] }, 'x{"code":4000,"reason":"by post"}')
    await until(() => bench.endings.length === 4)
    expect(bench.endings.at(-1)).toEqual({ by: 'client', code: 4000, reason: 'by post' })
  })

  it('are only those from 4000 that steadfast.v1 does not use, for a client that offers no protocols', async () => {
    await using bench = await start()
    const raw = await new RawSocket(bench.url, { turn: 1 }).opened()
    await until(() => bench.sessions.length === 1)
    const [session] = bench.sessions
    expect(session?.protocol).toBe('')
    for (const code of [1000, 3000, 4400, 4409])
      expect(() => session?.close(code)).toThrow('4000 to 4999 that the protocol does not use')
    await session?.close(4321, 'mine')
    await raw.over()
    expect(raw.close).toEqual({ code: 4321, reason: 'mine' })
    expect(raw.frames.filter((frame) => String(frame).startsWith('x'))).toEqual([])
    expect(raw.open).not.toHaveProperty('protocol')
    const other = await new RawSocket(bench.url, { session: randomSession(), turn: 1 }).opened()
    other.socket.close(4000)
    await other.over()
    expect(bench.endings).toHaveLength(1)
  })
})

describe('[SP19] the close codes that no Close frame can contain', () => {
  it.each([
    [1005, { code: 4410, reason: '', application: 1005 }],
    [1006, { code: 4410, reason: 'the backend has broken off' }],
  ])('%i is sent as 4410', async (code, close) => {
    await using bench = await start()
    const id = randomSession()
    const socket = await new RawSocket(bench.url, { session: id, turn: 1, protocols: [] }).opened()
    const stream = await new RawStream(bench.url, { session: id, k: 2, protocols: [] }).opened()
    await until(() => bench.sessions.length === 1)
    await bench.sessions[0]?.close(code, close.reason)
    expect(await stream.over()).toEqual(close)
    expect(await socket.over()).toEqual({ code: 4410, reason: close.reason })
    const said = socket.frames.filter((frame) => String(frame).startsWith('x'))
    expect(said).toEqual('application' in close ? [`x${JSON.stringify(close)}`] : [])
    const answer = await rawPost(bench.url, { session: id, k: 4, cursor: `0.0~${socket.open.epoch}`, wait: 0, protocols: [] })
    expect(await answer.json()).toEqual(expect.objectContaining({ steadfast: 'v1', ...close }))
    expect(bench.endings).toEqual([{ by: 'server', code, reason: close.reason }])
  })

  it('1005 is refused with a reason, and both are refused for clients that offer no protocols', async () => {
    await using bench = await start()
    await new RawSocket(bench.url, { session: randomSession(), turn: 1, protocols: [] }).opened()
    await new RawSocket(bench.url, { session: randomSession(), turn: 1 }).opened()
    await until(() => bench.sessions.length === 2)
    const [socket, plain] = bench.sessions
    expect(() => socket?.close(1005, 'why')).toThrow('session.close(1005) closes without a code, and takes no reason')
    for (const code of [1005, 1006]) expect(() => plain?.close(code)).toThrow('takes a code from 4000 to 4999')
  })
})

describe('[SP19] subprotocols', () => {
  it('the first offered subprotocol is chosen, and applies on every node', async () => {
    await using bench = await start({}, 2)
    const id = randomSession()
    const first = await new RawSocket(bench.url, { session: id, turn: 1, protocols: ['b.v2', 'a.v1'] }).opened()
    expect(first.open.protocol).toBe('b.v2')
    const cursor = `0.0~${first.open.epoch}`
    const second = await new RawStream(bench.servers.urls[1] ?? '', { session: id, k: 2, cursor, protocols: ['a.v1'] }).opened()
    expect(second.open).toMatchObject({ protocol: 'b.v2', resumed: true })
    expect(bench.sessions.map(({ protocol }) => protocol)).toEqual(['b.v2'])
  })

  it('selectProtocol() gets the offer and the request, and chooses the subprotocol', async () => {
    const asked: unknown[] = []
    await using bench = await start({
      selectProtocol(protocols, request) {
        asked.push([protocols, request.method])
        return protocols.find((each) => each.startsWith('graphql'))
      },
    })
    const raw = await new RawSocket(bench.url, { protocols: ['mqtt', 'graphql-transport-ws'] }).opened()
    expect(raw.open.protocol).toBe('graphql-transport-ws')
    const none = await new RawSocket(bench.url, { session: randomSession(), protocols: [] }).opened()
    expect(none.open.protocol).toBe('')
    expect(asked).toEqual([[['mqtt', 'graphql-transport-ws'], 'GET']])
  })

  it.each([
    ['null', () => null],
    ['a subprotocol that was not offered', () => 'other'],
    [
      'an error',
      () => {
        throw new Error('mine')
      },
    ],
  ])('a client is refused and gets no session if selectProtocol() results in %s', async (_, selectProtocol) => {
    await using bench = await start({ selectProtocol })
    const reason = 'none of the offered subprotocols is supported'
    const raw = new RawSocket(bench.url, { protocols: ['mqtt'] })
    expect(await raw.over()).toEqual({ code: 4410, reason })
    const answer = await rawPost(bench.url, { wait: 0, protocols: ['mqtt'] })
    expect(await answer.json()).toMatchObject({ steadfast: 'v1', code: 4410, reason })
    expect(bench.sessions).toEqual([])
  })

  it.each([['mqtt'], [['a', 'a']], [['a b']], [['']], [[1]], [Array.from({ length: 65 }, (_, index) => `p${index}`)]])(
    'a hello that offers %j is malformed',
    async (protocols) => {
      await using bench = await start()
      const raw = new RawSocket(bench.url, { protocols: protocols as string[] })
      expect(await raw.over()).toMatchObject({ code: 4400 })
    },
  )
})

it('[SP4][SP19] a socket whose session is lost is refused with 4410, and gets no new session', async () => {
  await using bench = await start()
  const hello = { session: randomSession(), k: 7, n: 5, cursor: '0.12~gone', protocols: [] }
  expect(await new RawSocket(bench.url, hello).over()).toEqual({ code: 4410, reason: 'the session is lost' })
  const answer = await rawPost(bench.url, hello)
  expect(await answer.json()).toMatchObject({ steadfast: 'v1', code: 4410, reason: 'the session is lost' })
  expect(bench.sessions).toEqual([])
  const plain = await new RawSocket(bench.url, { session: hello.session, k: 8, cursor: hello.cursor }).opened()
  expect(plain.open.resumed).toBe(false)
})
