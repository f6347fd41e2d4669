import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { SessionAnswer, SessionOffer } from '../../src/server/session-offer.ts'
import { RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers, type RealtimeServersOptions } from '../support/realtime-servers.ts'

interface Bench extends AsyncDisposable {
  readonly url: string
  readonly servers: RealtimeServers
  readonly offers: SessionOffer[]
  readonly sessions: Session[]
}

type Accept = NonNullable<RealtimeServerOptions['acceptSession']>

async function start(accept: Accept, options: RealtimeServerOptions = {}, more: RealtimeServersOptions = {}): Promise<Bench> {
  const offers: SessionOffer[] = []
  const sessions: Session[] = []
  const servers = await RealtimeServers.start({
    ...more,
    options: {
      acceptSession(offer) {
        offers.push(offer)
        return accept(offer) as SessionAnswer
      },
      onSession: (session) => void sessions.push(session),
      ...options,
    },
  })
  return {
    url: servers.urls[0] ?? '',
    servers,
    offers,
    sessions,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

/** A promise that the test resolves later. */
function asked<Answer>(): { readonly promise: Promise<Answer>; resolve(answer: Answer): void } {
  let give: (answer: Answer) => void = () => {}
  const promise = new Promise<Answer>((resolve) => {
    give = resolve
  })
  return { promise, resolve: (answer) => give(answer) }
}

const aborted = ({ offers }: Bench) => offers.map(({ signal }) => signal.aborted)

describe('acceptSession', () => {
  it("is called once for a new session, with the client's offer, and chooses its subprotocol", async () => {
    await using bench = await start(({ protocols }) => protocols.find((each) => each === 'b'), {
      authenticate: () => ({ id: 'ann' }),
    })
    const hello = { session: randomSession(), turn: 1, protocols: ['a', 'b'], auth: { token: 1 } }
    const socket = await new RawSocket(bench.url, hello, { query: '?room=7' }).opened()
    expect(socket.open.protocol).toBe('b')
    const [offer] = bench.offers
    expect(offer).toMatchObject({
      id: hello.session,
      principal: { id: 'ann' },
      protocols: ['a', 'b'],
      isSocket: true,
      auth: { token: 1 },
    })
    expect(offer?.request.url).toBe('/realtime?room=7')
    // Neither another attachment of the session nor a POST creates a session.
    await new RawStream(bench.url, { ...hello, k: 2, turn: 2, cursor: `0.0~${socket.open.epoch}` }).opened()
    await rawSend(bench.url, { ...hello, k: 2, send: true }, 'm1:one')
    await rawPost(bench.url, { session: randomSession(), send: true, protocols: [] })
    expect(bench.offers).toHaveLength(1)
    expect(bench.sessions.map(({ protocol }) => protocol)).toEqual(['b'])
    expect(aborted(bench)).toEqual([false])
  })

  it('is also called for clients that are not sockets, and over HTTP', async () => {
    await using bench = await start(() => null)
    const plain = await new RawSocket(bench.url, { session: randomSession(), turn: 1 }).opened()
    expect(plain.open).not.toHaveProperty('protocol')
    const stream = await new RawStream(bench.url, { session: randomSession(), turn: 1, protocols: [] }).opened()
    expect(stream.open.protocol).toBe('')
    expect(bench.offers.map(({ isSocket, protocols, request }) => [isSocket, protocols, request.method])).toEqual([
      [false, [], 'GET'],
      [true, [], 'POST'],
    ])
  })

  it('is called once for two attachments of a session that arrive before it has resolved', async () => {
    const { promise, resolve } = asked<null>()
    await using bench = await start(() => promise)
    const hello = { session: randomSession(), turn: 1, protocols: [] }
    const socket = new RawSocket(bench.url, hello)
    const stream = new RawStream(bench.url, { ...hello, k: 2 })
    await until(() => bench.offers.length === 1)
    await sleep(100)
    expect([socket.frames, stream.frames]).toEqual([[], []])
    resolve(null)
    await Promise.all([socket.opened(), stream.opened()])
    expect([bench.offers.length, bench.sessions.length]).toEqual([1, 1])
    expect(aborted(bench)).toEqual([false])
  })

  it('refuses the client with the code, reason and retryAfterMs that it returns', async () => {
    await using bench = await start(() => ({ code: 4429, reason: 'too many of you', retryAfterMs: 1234 }))
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: ['a'] })
    expect(await socket.over()).toEqual({ code: 4429, reason: 'too many of you', retryAfterMs: 1234 })
    const answer = await rawPost(bench.url, { session: randomSession(), wait: 0 })
    expect([answer.status, await answer.json()]).toEqual([
      429,
      expect.objectContaining({ steadfast: 'v1', code: 4429, reason: 'too many of you', retryAfterMs: 1234 }),
    ])
    expect(bench.sessions).toEqual([])
    expect(aborted(bench)).toEqual([true, true])
  })

  it('refuses a client that offers subprotocols with 4410 when it chooses none', async () => {
    await using bench = await start(() => undefined)
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: ['a'] })
    expect(await socket.over()).toEqual({ code: 4410, reason: 'none of the offered subprotocols is supported' })
    expect(aborted(bench)).toEqual([true])
  })

  const wrong: readonly [what: string, answer: unknown, message: string][] = [
    ['a protocol that is not offered', 'c', 'a protocol that the client does not offer'],
    ['a number', 7, 'must return one of the protocols'],
    ['a code of the WebSocket protocol', { code: 1000 }, 'a code from 4000 to 4999'],
    ['4409, which clients never report', { code: 4409 }, 'a code from 4000 to 4999, and not 4409'],
    ['a reason that is too long', { code: 4403, reason: 'é'.repeat(62) }, 'a reason of at most 123 bytes'],
    ['a pause of two days', { code: 4503, retryAfterMs: 172_800_000 }, 'from 0 to 86,400,000'],
  ]
  it.each(wrong)('reports an invalid answer (%s) and refuses the client with 4500', async (_, answer, message) => {
    await using bench = await start(() => answer as SessionAnswer)
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: ['a'] })
    expect(await socket.over()).toEqual({ code: 4500, reason: 'internal error' })
    expect(String(bench.servers.errors[0])).toContain(message)
    expect(aborted(bench)).toEqual([true])
  })

  it.each(['throws', 'rejects'])('reports the error and refuses the client with 4500 when it %s', async (how) => {
    await using bench = await start(() => {
      const error = new Error('mine')
      if (how === 'throws') throw error
      return Promise.reject<null>(error)
    })
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: [] })
    expect(await socket.over()).toEqual({ code: 4500, reason: 'internal error' })
    expect(bench.servers.errors.map(String)).toEqual(['Error: mine'])
    expect(aborted(bench)).toEqual([true])
  })

  it('refuses the client with 4500 after authenticateTimeoutMs and ignores a later answer', async () => {
    const { promise, resolve } = asked<null>()
    await using bench = await start(() => promise, { limits: { authenticateTimeoutMs: 100 } })
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: [] })
    expect(await socket.over()).toEqual({ code: 4500, reason: 'internal error' })
    expect(aborted(bench)).toEqual([true])
    expect(String(bench.servers.errors[0])).toContain('acceptSession() took more than 100 ms')
    resolve(null)
    await sleep(50)
    expect(bench.sessions).toEqual([])
  })

  it('has its signal aborted when another node creates the session first', async () => {
    const answers = [asked<string>(), asked<string>()]
    await using bench = await start(() => answers[bench.offers.length - 1]?.promise as Promise<string>, {}, { count: 2 })
    const hello = { session: randomSession(), turn: 1, protocols: ['a', 'b'] }
    const first = new RawSocket(bench.url, hello)
    await until(() => bench.offers.length === 1)
    const second = new RawStream(bench.servers.urls[1] ?? '', { ...hello, k: 2 })
    await until(() => bench.offers.length === 2)
    answers[1]?.resolve('b')
    await second.opened()
    answers[0]?.resolve('a')
    await first.opened()
    expect([first.open.protocol, second.open.protocol]).toEqual(['b', 'b'])
    expect(aborted(bench)).toEqual([true, false])
    expect(bench.sessions).toHaveLength(1)
  })

  it('has its signal aborted when the server closes before it has resolved', async () => {
    await using bench = await start(() => new Promise<null>(() => {}))
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: [] })
    await until(() => bench.offers.length === 1)
    await bench.servers.server().close({ drainMs: 1000 })
    expect(aborted(bench)).toEqual([true])
    expect(await socket.over()).toMatchObject({ code: 4503, reason: 'restarting' })
    expect(bench.servers.errors).toEqual([])
  })

  it('has its signal aborted when the store fails to write the session', async () => {
    await using bench = await start(() => null)
    const { sessions } = bench.servers.store
    const write = vi.spyOn(sessions, 'write').mockRejectedValueOnce(new Error('no store'))
    const socket = new RawSocket(bench.url, { session: randomSession(), protocols: [] })
    expect(await socket.over()).toMatchObject({ code: 4503 })
    expect(write).toHaveBeenCalled()
    expect(aborted(bench)).toEqual([true])
  })

  it('cannot be combined with selectProtocol', async () => {
    await expect(start(() => null, { selectProtocol: () => null })).rejects.toThrow(
      'selectProtocol cannot be combined with acceptSession',
    )
  })
})
