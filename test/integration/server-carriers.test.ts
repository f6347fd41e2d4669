import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/server/handlers.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { helloOf } from '../support/server-bench.ts'

const echo = {
  onSession: (session: Session) => session.subscribe('news'),
  onMessage: (session: Session, { data }: Message) => session.send(data),
}

/** The cursor after the frames that `raw` has received; `before` is the cursor of the attachment before it. */
function cursorOf(raw: RawSocket | RawStream, before = ''): string {
  const places = new Map(before ? before.split(',').map((place) => [place.split('.')[0] ?? '', place]) : [])
  const epochs = new Map([['0', raw.open.epoch]])
  const set = (stream: string, offset: string) => {
    const epoch = epochs.get(stream) ?? places.get(stream)?.split('~')[1]
    places.set(stream, `${stream}.${offset}~${epoch}`)
  }
  if (!before) set('0', '0')
  for (const each of raw.news) {
    const [, stream, offset] = /^(\d+)\.(\d+):/.exec(each) ?? []
    if (stream && offset) set(stream, offset)
    if (!each.startsWith('s')) continue
    const subscribed = JSON.parse(each.slice(1))
    epochs.set(String(subscribed.stream), subscribed.epoch)
    set(String(subscribed.stream), String(subscribed.from))
    set('0', String(subscribed.at))
  }
  return [...places.values()].join()
}

describe.each([1, 2])('a session on %i server(s)', (count) => {
  it('exchanges texts, bytes and topic messages over a WebSocket', async () => {
    await using servers = await RealtimeServers.start({ count, options: echo })
    const raw = await new RawSocket(servers.url(), { session: randomSession() }).opened()
    expect(raw.socket.protocol).toBe('steadfast.v1')
    expect(raw.socket.extensions).toBe('')
    raw.send('t1', 'm1:one', 'M[2,"two","three"]', new Uint8Array([52, 10, 1, 2, 3]))
    await raw.has('0.2:one', '0.3:two', '0.4:three', '0.5:[1,2,3]')
    await servers.server(count - 1).publish('news', 'hello')
    await raw.has('1.1:hello', 'a4')
    expect(servers.errors).toEqual([])
  })

  it('exchanges messages over an event stream and POSTs, and resumes with a poll', async () => {
    await using servers = await RealtimeServers.start({ count, options: echo })
    const session = randomSession()
    const raw = await new RawStream(servers.url(), { session }).opened()
    expect(await rawSend(servers.url(1), { session, turn: 1 }, 'M[1,"one","two"]', 'b3:AQID')).toMatchObject({
      status: 200,
      taken: 3,
    })
    await raw.has('0.2:one', '0.3:two', '0.4:[1,2,3]', 'a3')
    await servers.server(count - 1).publish('news', 'hello')
    await raw.has('1.1:hello')
    raw.hangUp()
    const poll = new RawStream(servers.url(1), { session, wait: 0, cursor: `0.3~${raw.open.epoch}`, n: 4 })
    await poll.over()
    expect(poll.open).toMatchObject({ resumed: true, taken: 3, ack: 3 })
    expect(poll.messages).toEqual(['0.4:[1,2,3]', '1.1:hello'])
    expect(servers.errors).toEqual([])
  })

  it('exchanges messages over polls to alternating servers, and holds a long-poll until there is a message', async () => {
    await using servers = await RealtimeServers.start({ count, options: echo })
    const session = randomSession()
    const got: string[] = []
    let cursor = ''
    for (let n = 0; n < 10; n += 1) {
      const hello = { session, turn: 1, n: Math.max(1, n), wait: 0, ...(cursor && { cursor }) }
      const poll = new RawStream(servers.url(n), hello, n === 0 ? [] : [`M[${n},"message ${n}"]`])
      await poll.over()
      expect(poll.open.resumed).toBe(n > 0)
      got.push(...poll.messages)
      cursor = cursorOf(poll, cursor)
      await sleep(5)
    }
    if (got.length < 9) {
      const rest = new RawStream(servers.url(), { session, turn: 1, n: 10, wait: 0, cursor })
      await rest.over()
      got.push(...rest.messages)
      cursor = cursorOf(rest, cursor)
    }
    expect(got).toEqual(Array.from({ length: 9 }, (_, index) => `0.${index + 2}:message ${index + 1}`))
    // The acknowledgment of the last message would answer the held request too, so it is received first.
    for (let ack = 0; ack < 9; ) {
      const poll = new RawStream(servers.url(1), { session, turn: 1, n: 10, wait: 0, cursor })
      await poll.over()
      ack = poll.open.ack
    }
    const held = new RawStream(servers.url(1), { session, turn: 1, n: 10, wait: 5000, cursor })
    await sleep(100)
    expect(held.isOver).toBe(false)
    await servers.server(0).publish('news', 'at last')
    await held.over()
    expect(held.messages).toEqual(['1.1:at last'])
  })

  it('[SP5] moves from an event stream to a WebSocket without losing or repeating a message', async () => {
    await using servers = await RealtimeServers.start({ count, options: echo })
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    await rawSend(servers.url(), { session, turn: 1 }, 'M[1,"one"]')
    await stream.has('0.2:one')
    const socket = await new RawSocket(servers.url(1), { session, k: 2, n: 2, cursor: cursorOf(stream) }).opened()
    socket.send('t2', 'm2:two')
    await socket.has('0.3:two')
    expect(await stream.over()).toEqual({ code: 4409, reason: 'moved' })
    expect(socket.messages).toEqual(['0.3:two'])
  })

  it('[SP8] ends once, with the close code of the server or the client, and cannot be resumed', async () => {
    const ends: unknown[] = []
    await using servers = await RealtimeServers.start({
      count,
      options: { onEnd: (_, { by, code }) => void ends.push([by, code]) },
    })
    const session = randomSession()
    const socket = await new RawSocket(servers.url(), { session }).opened()
    socket.send('t1')
    const handle = await servers.server(count - 1).session(session)
    await handle?.send('bye')
    await handle?.close(4403, 'banned')
    expect(await socket.over()).toEqual({ code: 4403, reason: 'banned' })
    expect(socket.messages).toEqual(['0.1:bye'])
    const late = new RawStream(servers.url(), { session, k: 2, cursor: cursorOf(socket) })
    expect(await late.over()).toMatchObject({ steadfast: 'v1', status: 403, code: 4403, reason: 'banned' })
    const other = randomSession()
    const second = await new RawSocket(servers.url(1), { session: other }).opened()
    second.socket.close(1000, 'done')
    await until(() => ends.length === 2)
    expect(ends).toEqual([
      ['server', 4403],
      ['client', 1000],
    ])
  })
})

describe('[SP2] a session after one of two servers was killed', () => {
  it('loses no message, and handles only unacknowledged ones again, marked as redelivered', async () => {
    const seen: string[] = []
    await using servers = await RealtimeServers.start({
      count: 2,
      options: (index) => ({
        leaseMs: 400,
        onMessage(session, { data, id, redelivered }) {
          seen.push(`${index}:${id.n}${redelivered ? ' again' : ''}`)
          if (index === 0 && id.n === 5) return new Promise(() => {})
          return session.send(data)
        },
      }),
    })
    const session = randomSession()
    const first = await new RawSocket(servers.url(0), { session }).opened()
    first.send('t1', 'M[1,"m1","m2","m3","m4","m5","m6","m7"]')
    await first.has('0.4:m4')
    servers.kill(0)
    await first.over()
    const second = await new RawSocket(servers.url(1), { session, k: 2, n: 1, last: 7, cursor: cursorOf(first) }).opened()
    expect(second.open).toMatchObject({ resumed: true })
    if (second.open.taken === 7) await until(() => second.news.some((each) => each.startsWith('r')))
    const back = Number(second.news.find((each) => each.startsWith('r'))?.slice(1) ?? second.open.taken)
    const rest = Array.from({ length: 8 - back }, (_, index) => `m${back + index + 1}`)
    second.send('t2', `M${JSON.stringify([back + 1, ...rest])}`)
    await second.has('0.8:m8')
    expect(second.messages).toEqual(['0.5:m5', '0.6:m6', '0.7:m7', '0.8:m8'])
    expect(seen.slice(5)).toEqual(['1:5 again', '1:6 again', '1:7 again', '1:8'])
  })

  it('continues over an event stream and POSTs on the other server', async () => {
    await using servers = await RealtimeServers.start({ count: 2, options: { ...echo, leaseMs: 400 } })
    const session = randomSession()
    const stream = await new RawStream(servers.url(0), { session }).opened()
    let n = 0
    const send = async (index: number) => {
      n += 1
      const receipt = await rawSend(servers.url(index), { session, turn: 1, n }, `M[${n},"message ${n}"]`)
      expect(receipt).toMatchObject({ taken: n })
    }
    for (let times = 0; times < 10; times += 1) await send(times)
    await stream.has('0.11:message 10')
    servers.kill(0)
    await stream.over()
    await send(1)
    const second = await new RawStream(servers.url(1), { session, k: 2, turn: 2, n, cursor: cursorOf(stream) }).opened()
    await send(1)
    await second.has('0.12:message 11', '0.13:message 12')
    await servers.server(1).publish('news', 'still here')
    await second.has('1.1:still here')
    expect(second.messages).toEqual(['0.12:message 11', '0.13:message 12', '1.1:still here'])
    second.hangUp()
  })
})

describe('[SP9] refusals over WebSocket', () => {
  it.each([
    ['a malformed hello', 'hello', 4400],
    ['an unknown user', JSON.stringify({ v: 1, session: 'sessionsessionsession1', k: 1, n: 1, auth: 'nobody' }), 4401],
  ])('%s is refused with a close code', async (_, hello, code) => {
    await using servers = await RealtimeServers.start({
      options: { authenticate: async (_request, auth) => (auth === 'nobody' ? null : { id: 'ann' }) },
    })
    const socket = new RawSocket(servers.url(), hello)
    expect(await socket.over()).toMatchObject({ code })
    expect(socket.frames).toEqual([])
  })

  it.each([
    ['a malformed frame', '?', 4400],
    ['malformed JSON', 'M[1,', 4400],
    ['a malformed cursor', 'a0.x', 4400],
    ['a gap in the message numbers', 'm7:seven', 4400],
    ['a binary frame without a number', new Uint8Array([1, 2, 3]), 4400],
    ['a message that is too large', `m1:${'x'.repeat(1001)}`, 4413],
    ['a batch that is too large', `M[1,${'"x",'.repeat(1500)}"x"]`, 4413],
  ])('%s closes the attachment that sent it, and no other', async (_, frame, code) => {
    const seen: unknown[] = []
    await using servers = await RealtimeServers.start({
      count: 2,
      options: { limits: { maxMessageBytes: 1000 }, onMessage: (_session, { data }) => void seen.push(data) },
    })
    const session = randomSession()
    const first = await new RawSocket(servers.url(), { session }).opened()
    const second = await new RawSocket(servers.url(1), { session, k: 2 }).opened()
    second.send(frame)
    expect(await second.over()).toMatchObject({ code })
    first.send('t1', 'm1:one')
    await until(() => seen.length > 0)
    expect([first.isOver, seen]).toEqual([false, ['one']])
  })

  it('frames of an unknown type are ignored', async () => {
    await using servers = await RealtimeServers.start({ options: echo })
    const socket = await new RawSocket(servers.url(), { session: randomSession() }).opened()
    socket.send('t1', 'zebra', 'Z', 'm1:one')
    await socket.has('0.2:one')
  })

  it('a client that exceeds framesPerSecond is closed with 4429 and a retryAfterMs', async () => {
    await using servers = await RealtimeServers.start({ options: { limits: { framesPerSecond: 10 } } })
    const socket = await new RawSocket(servers.url(), { session: randomSession() }).opened()
    for (let times = 0; times < 60; times += 1) socket.send('q')
    const close = await socket.over()
    expect(close.code).toBe(4429)
    expect(close.retryAfterMs).toBeGreaterThan(0)
  })

  const hello = (auth: string) => JSON.stringify(helloOf({ session: randomSession(), auth }))

  it.each([8754, 40_000])(
    'a hello with an auth of %i characters is accepted as the first frame, with the frames after it',
    async (length) => {
      const asked: unknown[] = []
      const options: RealtimeServerOptions = {
        ...echo,
        async authenticate(_request, auth) {
          asked.push(String(auth).length)
          await new Promise((resolve) => setTimeout(resolve, 50))
          return { id: 'ann' }
        },
      }
      await using servers = await RealtimeServers.start({ options })
      const socket = new RawSocket(servers.url(), {}, { protocols: ['steadfast.v1'] })
      await once(socket.socket, 'open')
      socket.send(hello('x'.repeat(length)), 't1', 'm1:one')
      await socket.has('0.2:one')
      expect([socket.socket.protocol, asked]).toEqual(['steadfast.v1', [length]])
    },
  )

  it.each([
    ['a malformed hello', 'hello', 4400],
    ['a binary hello', Buffer.from(hello('')), 4400],
    ['a hello that is too long', hello('x'.repeat(65_536)), 4413],
    ['a text of 3 MB', 'x'.repeat(3_000_000), 4413],
    ['a hello with refused credentials', hello('nobody'), 4401],
  ])('%s as the first frame is refused with a close code', async (_, frame, code) => {
    await using servers = await RealtimeServers.start({
      options: { authenticate: (_request, auth) => (auth === 'nobody' ? null : { id: 'ann' }) },
    })
    const socket = new RawSocket(servers.url(), {}, { protocols: ['steadfast.v1'] })
    await once(socket.socket, 'open')
    socket.send(frame)
    expect(await socket.over()).toMatchObject({ code })
    expect(socket.frames).toEqual([])
  })

  it('long hellos have a total bound while authenticate runs, beyond which short ones are still admitted', async () => {
    const release: (() => void)[] = []
    const options: RealtimeServerOptions = {
      limits: { maxBodyBytes: 1_048_576 },
      async authenticate(_request, auth) {
        if (auth !== 'short') await new Promise<void>((resolve) => release.push(resolve))
        return { id: 'ann' }
      },
    }
    await using servers = await RealtimeServers.start({ options })
    const url = servers.url()
    const asking = Array.from({ length: 10 }, () => rawPost(url, { session: randomSession(), wait: 0, auth: 'x'.repeat(60_000) }))
    // Nine of them fit in half of the bound.
    const refused = await Promise.race(asking)
    expect([refused.status, await refused.json()]).toMatchObject([429, { code: 4429, reason: 'too many long hellos at once' }])
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(release).toHaveLength(9)
    expect((await rawPost(url, { session: randomSession(), wait: 0, auth: 'short' })).status).toBe(200)
    for (const each of release.splice(0)) each()
    const statuses = (await Promise.all(asking)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([...Array(9).fill(200), 429])
    const later = rawPost(url, { session: randomSession(), wait: 0, auth: 'x'.repeat(60_000) })
    await until(() => release.length === 1)
    release[0]?.()
    expect((await later).status).toBe(200)
  })

  it('a client that sends no first frame within bodyTimeoutMs is closed with 4408', async () => {
    await using servers = await RealtimeServers.start({ options: { limits: { bodyTimeoutMs: 100 } } })
    const socket = new RawSocket(servers.url(), {}, { protocols: ['steadfast.v1'] })
    expect(await socket.over()).toMatchObject({ code: 4408, reason: 'the hello came too slowly' })
  })

  it('a handshake that does not offer steadfast.v1 is refused with status 400', async () => {
    await using servers = await RealtimeServers.start()
    const socket = new RawSocket(servers.url(), {}, { protocols: ['mqtt'] })
    expect(await socket.over()).toMatchObject({ code: 1006, reason: expect.stringContaining('400') })
  })
})

describe('[SP13] limits', () => {
  it('sessionsPerPrincipal limits the sessions of a principal, and maxSessions those of all', async () => {
    await using servers = await RealtimeServers.start({
      count: 2,
      options: { limits: { sessionsPerPrincipal: 2, maxSessions: 3 }, authenticate: (_, auth) => ({ id: String(auth) }) },
    })
    const codeOf = async (auth: string, index: number) => {
      const socket = new RawSocket(servers.url(index), { session: randomSession(), auth })
      await until(() => socket.frames.length > 0 || socket.isOver)
      return socket.close?.code ?? 'open'
    }
    expect([await codeOf('ann', 0), await codeOf('ann', 1), await codeOf('ann', 0)]).toEqual(['open', 'open', 4429])
    expect([await codeOf('bob', 1), await codeOf('eve', 0)]).toEqual(['open', 4429])
  })

  it('[SP18] attachmentsPerSecond allows a burst of twice its value, and spreads the retryAfterMs of the others', async () => {
    await using servers = await RealtimeServers.start({ options: { limits: { attachmentsPerSecond: 5 } } })
    const sockets = Array.from({ length: 16 }, () => new RawSocket(servers.url(), { session: randomSession() }))
    await until(() => sockets.every(({ frames, isOver }) => frames.length > 0 || isOver))
    const refused = sockets.filter(({ close }) => close?.code === 4429)
    expect(refused.length).toBeGreaterThanOrEqual(4)
    expect(refused.length).toBeLessThanOrEqual(6)
    const told = refused.map(({ close }) => close?.retryAfterMs ?? 0)
    expect(new Set(told).size).toBe(refused.length)
    expect(Math.max(...told)).toBeLessThanOrEqual(1300)
  })
})

describe('[SP11] a client that stops reading', () => {
  it.each(['websocket', 'stream'])('does not make the server buffer the messages (%s)', async (medium) => {
    await using servers = await RealtimeServers.start({ options: echo })
    const session = randomSession()
    const slow =
      medium === 'websocket' ? await new RawSocket(servers.url(), { session }).opened() : await rawReader(servers.url(), session)
    if (slow instanceof RawSocket) slow.socket.pause()
    const before = process.memoryUsage()
    const text = 'x'.repeat(10_000)
    for (let n = 0; n < 800; n += 1) await servers.server().publish('news', text + n)
    await sleep(200)
    const after = process.memoryUsage()
    // The log itself holds 8 MB. The socket buffers of the kernel are not counted.
    expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(4_000_000)
    if (slow instanceof RawSocket) {
      slow.socket.resume()
      await until(() => slow.messages.length === 800)
      expect(slow.messages.map((each) => Number(each.split(':')[1]?.slice(10_000)))).toEqual(
        Array.from({ length: 800 }, (_, n) => n),
      )
    } else slow.destroy()
  })
})

/** Opens an event stream and does not read it. */
async function rawReader(url: string, session: string) {
  const { request } = await import('node:http')
  const asked = request(url, { method: 'POST' })
  asked.end(JSON.stringify({ v: 1, session, k: 1, n: 1 }))
  asked.on('error', () => {})
  const [response] = await once(asked, 'response')
  response.pause()
  return asked
}

describe('close()', () => {
  it('[SP18] closes every client with 4503, and spreads their retryAfterMs over drainMs', async () => {
    const servers = await RealtimeServers.start({ count: 2 })
    const sockets = Array.from({ length: 5 }, () => new RawSocket(servers.url(), { session: randomSession() }))
    const stream = await new RawStream(servers.url(), { session: randomSession() }).opened()
    for (const socket of sockets) await socket.opened()
    await servers.server(0).close({ drainMs: 3000 })
    const closes = await Promise.all([...sockets, stream].map((each) => each.over()))
    expect(new Set(closes.map(({ code }) => code))).toEqual(new Set([4503]))
    const times = closes.map(({ retryAfterMs = -1 }) => retryAfterMs)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...times)).toBeLessThanOrEqual(3000)
    expect(new Set(times).size).toBeGreaterThan(1)
    await servers[Symbol.asyncDispose]()
  })
})
