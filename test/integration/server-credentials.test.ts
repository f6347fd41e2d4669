import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Principal, Session } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

const names: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
/** A quarter of it is the time to answer in, which a busy machine needs too. */
const lifeMs = 5000

/** A token is `name:expiry`. */
function principalOf(_: unknown, auth: unknown): Principal | null {
  const [name = '', expiry] = String(auth).split(':')
  return Number(expiry) > Date.now() ? { id: 'ann', name, expiresAt: Number(expiry) } : null
}

describe.concurrent.each(names)('[SP13] credentials that expire, over %s', (type) => {
  it('are renewed by prepare() while the connection goes on', async () => {
    const seen: unknown[] = []
    await using servers = await RealtimeServers.start({
      options: {
        authenticate: principalOf,
        heartbeatMs: 1000,
        onMessage: (session) => void seen.push(session.principal['name']),
      },
    })
    let calls = 0
    await using watched = watchClient(servers.url(), {
      protocol: session(),
      transports: [transportOf(type)],
      prepare: () => {
        calls += 1
        return { auth: `token${calls}:${Date.now() + lifeMs}` }
      },
    })
    await watched.nth('open')
    for (let n = 0; n < 22; n += 1) {
      watched.client.send(`message ${n}`)
      await sleep(500)
    }
    await watched.client.flushed()
    expect(watched.of('error')).toEqual([])
    expect(watched.of('close')).toEqual([])
    expect(watched.of('open')).toHaveLength(1)
    expect(seen).toHaveLength(22)
    expect(seen[0]).toBe('token1')
    // The application sees the latest, and prepare() was not asked more often than there was reason to.
    expect(new Set(seen).size).toBeGreaterThan(2)
    expect(calls).toBeGreaterThan(2)
    expect(calls).toBeLessThan(40)
  })

  it('that are not renewed end it with 4401, after prepare() was asked once more', async () => {
    await using servers = await RealtimeServers.start({ options: { authenticate: principalOf, heartbeatMs: 1000 } })
    const expiry = Date.now() + 1500
    const refreshes: boolean[] = []
    await using watched = watchClient(servers.url(), {
      protocol: session(),
      transports: [transportOf(type)],
      prepare: ({ isRefresh }) => {
        refreshes.push(isRefresh)
        return { auth: `token:${expiry}` }
      },
    })
    await watched.nth('open')
    const close = await watched.nth('close', 1, 20_000)
    await vi.waitFor(() => expect(watched.of('close').at(-1)).toMatchObject({ code: 4401, final: true }), 20_000)
    expect(close.code).toBe(4401)
    expect(Date.now()).toBeGreaterThanOrEqual(expiry)
    expect(refreshes[0]).toBe(false)
    expect(refreshes.slice(1).every((isRefresh) => isRefresh)).toBe(true)
  })
})

describe('[SP13] reauthenticateMs', () => {
  const options = {
    reauthenticateMs: 400,
    authenticate: (_: unknown, auth: unknown) => (auth === 'no' ? null : { id: String(auth) }),
  }

  it('asks over an open WebSocket, and takes the answer', async () => {
    const asked: unknown[] = []
    await using servers = await RealtimeServers.start({
      options: { ...options, authenticate: (_, auth) => ({ id: 'ann', role: asked.push(auth) }) },
    })
    const session = randomSession()
    const socket = await new RawSocket(servers.url(), { session, auth: 'first' }).opened()
    const count = () => socket.frames.filter((frame) => frame === 'c{}').length
    for (let n = 1; n <= 3; n += 1) {
      await until(() => count() === n)
      // One answer to each question: what nobody asked for is not looked at.
      socket.send('c{"auth":"fresh"}', 'c{"auth":"unasked"}', 'c{"auth":"unasked"}')
      await until(() => asked.length === n + 1)
    }
    expect(asked).toEqual(['first', 'fresh', 'fresh', 'fresh'])
    expect(socket.isOver).toBe(false)
    const known: Session | null = await servers.server().session(session)
    expect(known?.principal['role']).toBe(4)
    socket.socket.terminate()
  })

  it.each([
    ['no answer', null, 'the credentials have expired'],
    ['credentials that are refused', 'c{"auth":"no"}', 'not authenticated'],
    ['somebody else', 'c{"auth":"bob"}', 'another principal'],
  ])('ends a WebSocket after %s', async (_, answer, reason) => {
    await using servers = await RealtimeServers.start({ options })
    const socket = await new RawSocket(servers.url(), { session: randomSession(), auth: 'ann' }).opened()
    await until(() => socket.frames.includes('c{}'))
    if (answer) socket.send(answer)
    expect(await socket.over()).toEqual({ code: 4401, reason })
  })

  it('ends an event stream without an answer, and lets one live whose client has posted, to whatever node', async () => {
    await using servers = await RealtimeServers.start({ count: 2, options })
    const silent = await new RawStream(servers.url(0), { session: randomSession(), auth: 'ann', turn: 1 }).opened()
    const session = randomSession()
    const stream = await new RawStream(servers.url(0), { session, auth: 'ann', turn: 1 }).opened()
    for (let n = 1; n <= 15; n += 1) {
      await sleep(100)
      expect(await rawSend(servers.url(n % 2), { session, auth: 'ann', turn: 1 })).toMatchObject({ status: 200 })
    }
    expect(await silent.over()).toMatchObject({ code: 4401 })
    expect(stream.isOver).toBe(false)
    stream.hangUp()
  })
})

describe('[SP13] a principal', () => {
  it('has the role that authenticate() returned last, on every node', async () => {
    let role = 'guest'
    const seen: unknown[] = []
    await using servers = await RealtimeServers.start({
      count: 2,
      options: {
        authenticate: () => ({ id: 'ann', role }),
        onMessage: (session) => void seen.push(session.principal['role']),
      },
    })
    const session = randomSession()
    const stream = await new RawStream(servers.url(0), { session, turn: 1 }).opened()
    const handle = await servers.server(0).session(session)
    await rawSend(servers.url(0), { session, turn: 1 }, 'M[1,"x"]')
    role = 'admin'
    await rawSend(servers.url(1), { session, turn: 1 }, 'M[2,"x"]')
    role = 'owner'
    await (await rawPost(servers.url(0), { session, k: 2, turn: 2, n: 3, wait: 0 })).text()
    await rawSend(servers.url(0), { session, turn: 2, k: 2, n: 3 }, 'M[3,"x"]')
    expect(seen).toEqual(['guest', 'admin', 'owner'])
    await until(() => handle?.principal['role'] === 'owner')
    expect((await servers.server(1).session(session))?.principal).toEqual({ id: 'ann', role: 'owner' })
    stream.hangUp()
  })

  it('is a copy: what the application changes later shows when it is returned again', async () => {
    const ann = { id: 'ann', role: 'guest' }
    await using servers = await RealtimeServers.start({ options: { authenticate: () => ann } })
    const session = randomSession()
    await (await rawPost(servers.url(), { session, wait: 0, turn: 1 })).text()
    ann.role = 'admin'
    expect((await servers.server().session(session))?.principal['role']).toBe('guest')
    await (await rawPost(servers.url(), { session, wait: 0, turn: 1 })).text()
    expect((await servers.server().session(session))?.principal['role']).toBe('admin')
  })

  it('that is refused later loses what it has open, at its next request to a node that knows it', async () => {
    let isKnown = true
    await using servers = await RealtimeServers.start({
      count: 2,
      options: { authenticate: () => (isKnown ? { id: 'ann' } : null) },
    })
    const session = randomSession()
    const other = await new RawSocket(servers.url(1), { session: randomSession() }).opened()
    const socket = await new RawSocket(servers.url(0), { session, turn: 1 }).opened()
    const stream = await new RawStream(servers.url(0), { session, k: 2 }).opened()
    expect(await rawSend(servers.url(1), { session, k: 2 })).toMatchObject({ status: 200 })
    isKnown = false
    expect(await rawSend(servers.url(1), { session, k: 2 })).toMatchObject({ status: 401, code: 4401 })
    expect(await socket.over()).toMatchObject({ code: 4401 })
    expect(await stream.over()).toMatchObject({ code: 4401 })
    expect(other.isOver).toBe(false)
    isKnown = true
    const again = await new RawSocket(servers.url(0), { session, k: 3, turn: 3, cursor: `0.0~${socket.open.epoch}` }).opened()
    expect(again.open).toMatchObject({ resumed: true })
    for (const each of [other, again]) each.socket.terminate()
  })

  it.each([
    [{ id: 'ann', expiresAt: '2099-01-01' }, 500, 1],
    [{ id: 'ann', expiresAt: Math.round(Date.now() / 1000) + 600 }, 500, 1],
    [{ id: 'ann', expiresAt: Number.NaN }, 500, 1],
    [{ id: 'ann', expiresAt: Date.now() - 1 }, 401, 0],
    [{ id: 'ann', expiresAt: null }, 200, 0],
    [{ id: 'ann', expiresAt: Infinity }, 200, 0],
  ])('%j is answered %i', async (principal, status, errors) => {
    await using servers = await RealtimeServers.start({ options: { authenticate: () => principal as Principal } })
    const response = await rawPost(servers.url(), { session: randomSession(), wait: 0 })
    await response.text()
    expect([response.status, servers.errors.length]).toEqual([status, errors])
    if (errors) expect(String(servers.errors[0])).toContain('milliseconds since 1970')
  })
})
