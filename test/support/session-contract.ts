import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Message } from '../../src/server/handlers.ts'
import type { RealtimeServerOptions } from '../../src/server/index.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { session } from '../../src/session/index.ts'
import { RawStream, randomSession, rawSend } from './raw-client.ts'
import { RealtimeServers, type RealtimeServersOptions } from './realtime-servers.ts'
import { type SessionRig, sessionTransports, startRig, type TransportName, transportOf } from './session-rig.ts'
import { makeTraffic, wholeReport } from './traffic.ts'
import { numbered, publishSlowly } from './watched-client.ts'

const { message: messageOf, tally } = makeTraffic()

/**
 * The guarantees of a session, over every transport, with one server or with two that get requests in turn: all state of a
 * session is in the store.
 */
export function sessionContract(
  count: number,
  openStore?: RealtimeServersOptions['openStore'],
  transports: readonly TransportName[] = sessionTransports.map(({ type }) => type),
): void {
  describe(`with ${count} servers`, () => messages(count, openStore, transports))
  describe(`with ${count} servers, a long-poll response`, () => heldAnswers(count, openStore))
}

function messages(count: number, openStore: RealtimeServersOptions['openStore'], transports: readonly TransportName[]): void {
  describe.each(transports)('%s', (type) => {
    it('carries text as strings and bytes as ArrayBuffers, both ways', async () => {
      const received: Message['data'][] = []
      await using bench = await startOn(type, {
        onMessage: async (session, { data }) => {
          received.push(data)
          await session.send(data)
        },
      })
      const { client, data } = bench.watched
      const text = 'one line, zwei Wörter, 三, 🙂\nand another\r\n\u2028'
      const bytes = Uint8Array.of(0, 10, 13, 128, 255)
      const large = new Uint8Array(300_000).fill(7)
      for (const each of [text, '', bytes.subarray(1, 4), bytes.buffer, new Blob(['a', 'blob']), large, 'lone \ud83d', 'end'])
        client.send(each)
      bytes.fill(9) // send() has copied the bytes
      await vi.waitFor(() => expect(data).toHaveLength(8), 5000)
      const expected = [
        ...[text, '', Uint8Array.of(10, 13, 128).buffer, Uint8Array.of(0, 10, 13, 128, 255).buffer],
        ...[new TextEncoder().encode('ablob').buffer, large.buffer, 'lone \ufffd', 'end'],
      ]
      expect(received).toEqual(expected)
      expect(data).toEqual(expected)
      expect(data.map((each) => typeof each === 'string' || each instanceof ArrayBuffer)).not.toContain(false)
    })

    it("[SP1][SP2] keeps the order of 1,000 messages each way, the client's first 300 sent before it is open", async () => {
      const up = tally(1)
      const down = [tally(2), tally(3)] as const
      await using bench = await startOn(type, {
        onSession: (session) => session.subscribe('news'),
        onMessage: (_, { data }) => up.take(data),
      })
      const { client, nth } = bench.watched
      client.on('message', ({ data, topic }) => down[topic === 'news' ? 1 : 0].take(data))
      for (let n = 1; n <= 300; n += 1) client.send(messageOf(1, n))
      await nth('open')
      for (let n = 301; n <= 1000; n += 1) client.send(messageOf(1, n))
      const session = await bench.session()
      for (let n = 1; n <= 500; n += 1) {
        await session.send(messageOf(2, n))
        await bench.rig.servers.server(n % count).publish('news', messageOf(3, n))
      }
      await client.flushed()
      expect(up.report(1000)).toEqual(wholeReport(1000))
      await vi.waitFor(() => expect([down[0].due, down[1].due]).toEqual([501, 501]), 30_000)
      expect(down.map((each) => each.report(500))).toEqual([wholeReport(500), wholeReport(500)])
    })

    it('[SP2] resolves flushed() when all handlers have settled, also if one throws', async () => {
      const done: unknown[] = []
      await using bench = await startOn(type, {
        onMessage: async (_, { data }) => {
          await sleep(30)
          done.push(data)
          if (data === 'm3') throw new Error('a mistake of the application')
        },
      })
      const { client } = bench.watched
      for (const each of numbered(5)) client.send(each)
      await client.flushed()
      expect(done).toEqual(numbered(5))
      await expect(client.flushed()).resolves.toEqual({ refused: [] })
      expect(bench.rig.servers.errors).toEqual([new Error('a mistake of the application')])
    })

    it('[SP4] resumes after each of many losses without losing or repeating a message', async () => {
      const received: Message[] = []
      await using bench = await startOn(type, { onMessage: (_, message) => void received.push(message) })
      const { client, data, nth, of } = bench.watched
      await nth('open')
      const session = await bench.session()
      const sending = publishSlowly((each) => client.send(each), numbered(300), 2)
      const publishing = publishSlowly((each) => session.send(each), numbered(300), 2)
      // A poll that is cut is repeated, without a loss of the connection.
      const isHeld = type === 'websocket' || type === 'sse'
      for (let kills = 0; kills < 10 || (isHeld && kills < 100 && of('open').length <= 3); kills += 1) {
        await sleep(80)
        bench.rig.proxy.killAll()
      }
      await Promise.all([sending, publishing])
      await client.flushed()
      await vi.waitFor(() => expect(data).toHaveLength(300), 5000)
      expect(data).toEqual(numbered(300))
      expect(received.map((each) => each.data)).toEqual(numbered(300))
      expect(received.filter(({ redelivered }) => redelivered)).toEqual([])
      expect(received.map(({ id }) => id.n)).toEqual(Array.from(received, (_, index) => index + 1))
      const resumed = of('open').map((each) => each.resumed)
      expect(resumed).toEqual([false, ...resumed.slice(1).map(() => true)])
      if (isHeld) expect(resumed.length).toBeGreaterThan(3)
      expect(of('gap')).toEqual([])
    })

    it('[SP3] reports messages that the server has dropped as a gap, and resumes after it', async () => {
      await using bench = await startOn(
        type,
        { onSession: (session) => session.subscribe('news') },
        { store: { maxMessagesPerStream: 10 } },
      )
      const { data, nth, of } = bench.watched
      const publish = (each: string) => bench.rig.servers.server().publish('news', each)
      await nth('open')
      await publish('before')
      await nth('message')
      await bench.goAway()
      await nth('close')
      for (const each of numbered(50)) await publish(each)
      await bench.comeBack()
      await vi.waitFor(() => expect(data).toHaveLength(11), 5000)
      expect(data).toEqual(['before', ...numbered(10, 41)])
      expect(of('gap')).toEqual([{ type: 'gap', topic: 'news', after: 1, resumesAt: 42 }])
      expect(of('open')[1]).toMatchObject({ resumed: true })
    })

    it.each([
      { resend: true, received: ['one', 'one again', 'two'], undelivered: [] },
      { resend: false, received: ['one', 'two'], undelivered: ['one'] },
    ])(
      '[SP4] replaces an expired session by a new one, and resends or reports unacknowledged messages: %o',
      async ({ resend, ...wanted }) => {
        const received: string[] = []
        let isFirst = true
        await using bench = await startOn(
          type,
          {
            resumeWindowMs: 200,
            heartbeatMs: 1000,
            onMessage: (_, { data, redelivered }) => {
              received.push(`${data}${redelivered ? ' again' : ''}`)
              if (isFirst) void bench.goAway()
              isFirst = false
            },
          },
          { protocol: session({ resend }) },
        )
        const { client, nth, of } = bench.watched
        await nth('open')
        client.send('one')
        await nth('close')
        client.send('two')
        await sleep(400)
        await bench.comeBack()
        await client.flushed()
        expect(received).toEqual(wanted.received)
        expect(of('error').flatMap(({ undelivered = [] }) => undelivered)).toEqual(wanted.undelivered)
        expect(of('open').map(({ resumed }) => resumed)).toEqual([false, false])
      },
    )

    it('[SP8] delivers what the server sent before session.close(), and closes the client with that reason', async () => {
      const ends: unknown[] = []
      await using bench = await startOn(type, {
        onMessage: async (session) => {
          void session.send('farewell')
          await session.close(4321, 'that is all')
        },
        onEnd: (_, ending) => void ends.push(ending),
      })
      const { client, data, nth, of } = bench.watched
      await nth('open')
      client.send('end it')
      await nth('close')
      expect(of('close')).toMatchObject([{ code: 4321, reason: 'that is all', final: true, retry: null }])
      expect(client.state).toMatchObject({ status: 'closed', code: 4321 })
      expect(data).toEqual(['farewell'])
      await vi.waitFor(() => expect(ends).toEqual([{ by: 'server', code: 4321, reason: 'that is all' }]))
    })

    it('[SP8] closes a client that reconnects after the server closed its session in the meantime', async () => {
      await using bench = await startOn(type, {})
      const { client, nth, of } = bench.watched
      await nth('open')
      const session = await bench.session()
      await bench.goAway()
      await nth('close')
      expect(await session.close(4410, 'kicked')).toBe(true)
      await bench.comeBack()
      await vi.waitFor(() => expect(client.state.status).toBe('closed'), 5000)
      expect(of('close').at(-1)).toMatchObject({ code: 4410, reason: 'kicked', final: true })
    })

    it('[SP8] handles what the client sent before close(), and calls onEnd with the code of the client', async () => {
      const seen: unknown[] = []
      await using bench = await startOn(type, {
        onMessage: (_, { data }) => void seen.push(data),
        onEnd: (_, { by, code }) => void seen.push(`${by} ${code}`),
      })
      const { client, nth } = bench.watched
      await nth('open')
      for (const each of numbered(3)) client.send(each)
      expect(await client.close(4007, 'enough')).toMatchObject({ unsent: [] })
      await vi.waitFor(() => expect(seen).toEqual([...numbered(3), 'client 4007']), 3000)
    })

    it('[SP9] calls prepare() once more after a refusal, and closes with 4401 after a second one', async () => {
      const asked: unknown[] = []
      const authenticate: RealtimeServerOptions['authenticate'] = (_, auth) => {
        asked.push(auth)
        return auth === 'fresh' ? { id: 'ann' } : null
      }
      await using bench = await startOn(
        type,
        { authenticate, onSession: (session) => session.send(`hello ${session.principal.id}`) },
        { prepare: ({ isRefresh }) => ({ auth: isRefresh ? 'fresh' : 'stale' }) },
      )
      await bench.watched.nth('message')
      expect(bench.watched.data).toEqual(['hello ann'])
      expect(asked.slice(0, 2)).toEqual(['stale', 'fresh'])

      await bench.watched.client.close()
      asked.length = 0
      await using hopeless = bench.rig.watch({ transports: [transportOf(type)], prepare: () => ({ auth: 'stale' }) })
      await hopeless.nth('close')
      expect(hopeless.of('close')).toMatchObject([{ code: 4401, final: true }])
      expect(asked).toEqual(['stale', 'stale'])
    })

    it('[SP13] gives a client with another principal a new session instead of resuming', async () => {
      await using bench = await startOn(
        type,
        { authenticate: (_, auth) => ({ id: String(auth) }), onMessage: (session, { data }) => session.send(data) },
        { prepare: ({ attempt }) => ({ auth: attempt ? 'bob' : 'ann' }) },
      )
      const { nth } = bench.watched
      await nth('open')
      await bench.goAway()
      await nth('close')
      await bench.comeBack()
      // The server tells the client to begin a new session.
      expect(await nth('open', 2)).toMatchObject({ resumed: false })
      await vi.waitFor(() => expect(new Set(bench.ids).size).toBe(2))
    })

    it('[SP9] gets 4503 and a delay for its retry from a server that shuts down', async () => {
      await using bench = await startOn(type, {})
      const { nth, of } = bench.watched
      await nth('open')
      await sleep(100)
      await Promise.all(bench.rig.servers.servers.map((server) => server.close({ drainMs: 300 })))
      const close = await nth('close')
      // A poll may arrive when the server has stopped already, and is answered 404 or not at all.
      if (type === 'poll' && close.code !== 4503) {
        expect([close.code, close.final]).toEqual([close.code === 4404 ? 4404 : 1006, false])
        return
      }
      expect(close).toMatchObject({ code: 4503, reason: 'restarting', final: false })
      expect(close.retry?.delayMs).toBeGreaterThanOrEqual(0)
      expect(of('error')[0]).toMatchObject({ diagnosis: { cause: 'close.4503', verdict: 'retry' } })
    })

    /** A client on this transport only, with its session. */
    async function startOn(
      way: TransportName,
      handlers: RealtimeServerOptions,
      { store, ...options }: Parameters<SessionRig['watch']>[0] & Pick<RealtimeServersOptions, 'store'> = {},
    ) {
      const ids: string[] = []
      const { onSession } = handlers
      const rig = await startRig({
        count,
        ...(store && { store }),
        ...(openStore && { openStore }),
        options: {
          ...handlers,
          onSession(session) {
            ids.push(session.id)
            return onSession?.(session)
          },
        },
      })
      const watched = rig.watch({ transports: [transportOf(way)], retry: { minDelayMs: 20, maxDelayMs: 20 }, ...options })
      return {
        rig,
        watched,
        ids,
        async session(): Promise<Session> {
          await vi.waitFor(() => expect(ids.length).toBeGreaterThan(0))
          const session = await rig.servers.server(count - 1).session(ids.at(-1) ?? '')
          if (!session) throw new Error('There is no such session.')
          return session
        },
        /** Resets the connections at once: bytes in flight do not arrive. */
        goAway() {
          const refusing = rig.proxy.set({ type: 'refuse' })
          rig.proxy.killAll()
          return refusing
        },
        comeBack: () => rig.proxy.set({ type: 'pass' }),
        async [Symbol.asyncDispose]() {
          await watched[Symbol.asyncDispose]()
          await rig[Symbol.asyncDispose]()
        },
      }
    }
  })
}

function heldAnswers(count: number, openStore: RealtimeServersOptions['openStore']): void {
  const held = { wait: 10_000, turn: 1 }

  it('[SP2] is completed at once if the client lacks an acknowledgment', async () => {
    await using servers = await RealtimeServers.start({
      count,
      ...(openStore && { openStore }),
      options: { onMessage: () => sleep(50) },
    })
    const session = randomSession()
    const first = new RawStream(servers.url(), { session, wait: 0 })
    await first.over()
    const cursor = `0.0~${first.open.epoch}`
    expect(await rawSend(servers.url(), { session, cursor, turn: 1 }, 'M[1,"one"]')).toMatchObject({ taken: 1, ack: 0 })
    await sleep(200)
    // The client was not connected when its message was acknowledged.
    const next = new RawStream(servers.url(1), { session, cursor, n: 1, last: 1, ...held })
    await next.over()
    expect(next.news).toEqual(['a1'])

    const last = new RawStream(servers.url(1), { session, cursor, n: 2, ...held })
    await sleep(300)
    expect(last.isOver).toBe(false)
    last.hangUp()
  })

  it('[SP4] is completed at once if the server does not know the session', async () => {
    await using servers = await RealtimeServers.start({ count, ...(openStore && { openStore }) })
    const lost = new RawStream(servers.url(1), { session: randomSession(), cursor: '0.7~gone', n: 8, ...held })
    await lost.over()
    expect(lost.open).toMatchObject({ resumed: false, taken: 7, ack: 7 })
  })
}
