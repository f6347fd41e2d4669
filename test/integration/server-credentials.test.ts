import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Principal, Session } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

const names: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
/** How long credentials are valid. A quarter of it is left to renew them, which a busy machine needs. */
const lifeMs = 5000

/** The principal of a token, which has the form `name:expiry`. */
function principalOf(_: unknown, auth: unknown): Principal | null {
  const [name = '', expiry] = String(auth).split(':')
  return Number(expiry) > Date.now() ? { id: 'ann', name, expiresAt: Number(expiry) } : null
}

describe.concurrent.each(names)('[SP13] credentials that expire, over %s', (type) => {
  it('are renewed by prepare() without a reconnect', async () => {
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
    // The handler sees the latest principal, and prepare() is not called more often than necessary.
    expect(new Set(seen).size).toBeGreaterThan(2)
    expect(calls).toBeGreaterThan(2)
    expect(calls).toBeLessThan(40)
  })

  it('end the client with 4401 if prepare() returns the same ones again', async () => {
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
    expect(refreshes.length).toBeGreaterThan(1)
    expect(refreshes).toEqual(refreshes.map((_, index) => index > 0))
  })
})

describe('[SP13] reauthenticateMs', () => {
  const options = {
    reauthenticateMs: 400,
    authenticate: (_: unknown, auth: unknown) => (auth === 'no' ? null : { id: String(auth) }),
  }

  it('asks for credentials over an open WebSocket, and takes one answer to each request', async () => {
    const asked: unknown[] = []
    await using servers = await RealtimeServers.start({
      options: { ...options, authenticate: (_, auth) => ({ id: 'ann', role: asked.push(auth) }) },
    })
    const session = randomSession()
    const socket = await new RawSocket(servers.url(), { session, auth: 'first' }).opened()
    const count = () => socket.frames.filter((frame) => frame === 'c{}').length
    for (let n = 1; n <= 3; n += 1) {
      await until(() => count() === n)
      // One answer to each request: frames that the server did not ask for are ignored.
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
    ['refused credentials', 'c{"auth":"no"}', 'not authenticated'],
    ['credentials of another principal', 'c{"auth":"bob"}', 'another principal'],
  ])('closes a WebSocket with 4401 after %s', async (_, answer, reason) => {
    await using servers = await RealtimeServers.start({ options })
    const socket = await new RawSocket(servers.url(), { session: randomSession(), auth: 'ann' }).opened()
    await until(() => socket.frames.includes('c{}'))
    if (answer) socket.send(answer)
    expect(await socket.over()).toEqual({ code: 4401, reason })
  })

  it('closes an event stream with 4401 unless its client sends credentials in a POST, to any node', async () => {
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

  it('is a copy: changes to the returned object apply once authenticate() returns it again', async () => {
    const ann = { id: 'ann', role: 'guest' }
    await using servers = await RealtimeServers.start({ options: { authenticate: () => ann } })
    const session = randomSession()
    await (await rawPost(servers.url(), { session, wait: 0, turn: 1 })).text()
    ann.role = 'admin'
    expect((await servers.server().session(session))?.principal['role']).toBe('guest')
    await (await rawPost(servers.url(), { session, wait: 0, turn: 1 })).text()
    expect((await servers.server().session(session))?.principal['role']).toBe('admin')
  })

  it('that authenticate() refuses later loses the attachments of that session on all nodes, but not the session', async () => {
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
  ])('%j returned by authenticate() results in status %i', async (principal, status, errors) => {
    await using servers = await RealtimeServers.start({ options: { authenticate: () => principal as Principal } })
    const response = await rawPost(servers.url(), { session: randomSession(), wait: 0 })
    await response.text()
    expect([response.status, servers.errors.length]).toEqual([status, errors])
    if (errors) expect(String(servers.errors[0])).toContain('milliseconds since 1970')
  })
})
