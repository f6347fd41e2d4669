import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { session } from '../../src/session/index.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { startNginx } from '../support/readme-nginx.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { sessionTransports, type TransportName } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

const mebibyte = 2 ** 20
const http = sessionTransports.map(({ type }) => type).filter((type) => type !== 'websocket')

/** Four transports, directly to a server and through nginx with its default settings, which limit a body to 1 MiB. */
describe.each([false, true])('through nginx: %s', (isProxied) => {
  const asked: number[] = []
  let servers: RealtimeServers
  let nginx: Awaited<ReturnType<typeof startNginx>> | undefined

  beforeAll(async () => {
    servers = await RealtimeServers.start({
      options: {
        onMessage: (session, { data }) =>
          session.send(typeof data === 'string' && data.length < 10 ? data : `${typeof data}, ${Buffer.byteLength(data)}`),
        authenticate(_, auth) {
          asked.push(String(auth).length)
          return { id: 'ann' }
        },
        onSession: async (session) => {
          for (let n = 0; n < 256; n += 1) await session.subscribe(`a topic with a rather long name ${n}`)
        },
      },
    })
    if (isProxied && (await isEquippedWith('nginx')))
      nginx = await startNginx(`map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server { listen 80; location / { proxy_pass http://127.0.0.1:${servers.ports[0]}; proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; } }`)
  })

  beforeEach(async (context) => {
    if (isProxied) await want(context, 'nginx')
  })
  afterAll(async () => {
    await nginx?.close()
    await servers[Symbol.asyncDispose]()
  })

  const visit = (type: TransportName, auth: string) =>
    watchClient(nginx ? `${nginx.origin}/realtime` : servers.url(), {
      protocol: session(),
      transports: [type === 'poll' ? { type, intervalMs: 100 } : type],
      outbox: { maxBytes: 64 * mebibyte },
      prepare: () => ({ auth }),
    })

  it.each(sessionTransports.flatMap(({ type }) => [8754, 40_000].map((length) => [type, length] as const)))(
    '%s accepts auth of %i characters, beside the cursor of a session with 256 topics',
    async (type, length) => {
      asked.length = 0
      await using page = visit(type, 'x'.repeat(length))
      await page.nth('open', 1, 15_000)
      page.client.send('one')
      await vi.waitFor(() => expect(page.data).toEqual(['one']), 15_000)
      await servers.server().publish('a topic with a rather long name 255', 'news')
      page.client.send('two')
      await vi.waitFor(() => expect([...page.data].sort()).toEqual(['news', 'one', 'two']), 15_000)
      expect([[...new Set(asked)], page.causes()]).toEqual([[length], []])
    },
  )

  it.each(sessionTransports.map(({ type }) => type))(
    '%s stops with a diagnosis if auth is too long, before authenticate() is called',
    async (type) => {
      asked.length = 0
      await using page = visit(type, 'x'.repeat(66_000))
      const { diagnosis } = await page.nth('error')
      expect([diagnosis.cause, diagnosis.verdict, asked]).toEqual(['client.unprepared', 'stop', []])
      expect(diagnosis.message).toMatch(/^prepare\(\) returned auth that makes the hello 66\d+ bytes long; 65536 are allowed$/)
    },
  )

  const bodies: readonly [string, string | ArrayBuffer, string][] = [
    ['quotes', '"'.repeat(mebibyte), 'string'],
    ['control characters', '\u0001'.repeat(mebibyte), 'string'],
    ['control characters in lines', '\u0001\n'.repeat(mebibyte / 2), 'string'],
    ['emoji', '😀'.repeat(mebibyte / 4), 'string'],
    ['lone surrogates', `${'\ud800'.repeat(mebibyte / 3)}x`, 'string'],
    ['bytes', new ArrayBuffer(mebibyte), 'object'],
  ]

  it.each(isProxied ? (['websocket'] as const) : sessionTransports.map(({ type }) => type))(
    '%s carries messages of 1 MiB with any content',
    async (type) => {
      await using page = visit(type, 'x')
      for (const [, data] of bodies) page.client.send(data)
      page.client.send('last')
      await vi.waitFor(() => expect(page.data.at(-1), JSON.stringify(page.causes())).toBe('last'), 40_000)
      expect(page.data.slice(0, -1)).toEqual(bodies.map(([, , kind]) => `${kind}, ${mebibyte}`))
      expect(page.causes()).toEqual([])
    },
  )

  it.each(isProxied ? http : [])('over %s a message too large for nginx is undelivered, and the rest arrives', async (type) => {
    await using page = visit(type, 'x')
    await page.nth('open', 1, 15_000)
    const large = 'x'.repeat(mebibyte)
    page.client.send('before')
    page.client.send(large)
    page.client.send('after')
    for (let n = 0; n < 40; n += 1) page.client.send('"\u0001'.repeat(20_000))
    page.client.send('last')
    await vi.waitFor(() => expect(page.data.at(-1), JSON.stringify(page.causes())).toBe('last'), 40_000)
    expect(page.of('error').flatMap(({ undelivered = [] }) => undelivered)).toEqual([large])
    expect(page.data.filter((each) => each === 'string, 40000').length).toBe(40)
    expect([page.data[0], page.data[1]]).toEqual(['before', 'after'])
  })

  it.each(isProxied ? http : [])('over %s messages of 700,000 bytes arrive, with any content', async (type) => {
    await using page = visit(type, 'x')
    for (const [, data] of bodies) page.client.send(data.slice(0, typeof data === 'string' ? (data.length * 2) / 3 : 700_000))
    page.client.send('last')
    await vi.waitFor(() => expect(page.data.at(-1), JSON.stringify(page.causes())).toBe('last'), 40_000)
    expect([page.data.length, page.causes()]).toEqual([bodies.length + 1, []])
  })
})
