import { describe, expect, it, vi } from 'vitest'
import { session } from '../../src/session/index.ts'
import { want } from '../support/equipment.ts'
import { type MeddledRequest, type Meddling, startMeddler } from '../support/meddler.ts'
import { startNginx } from '../support/readme-nginx.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { numbered, publishSlowly, watchClient } from '../support/watched-client.ts'

/** Middleboxes that answer, hang or cut single requests of a session: at most a message is lost, never the connection. */
const asking = ['sse', 'long-poll', 'poll'] as const

/** A client behind a proxy that interferes with single requests. */
async function behind(type: TransportName, meddle: (request: MeddledRequest) => Meddling, count = 1) {
  const received: unknown[] = []
  const servers = await RealtimeServers.start({
    count,
    options: {
      onMessage: async (session, { data }) => {
        received.push(data)
        await session.send(data)
      },
    },
  })
  const meddler = await startMeddler(servers.ports[0] ?? 0, meddle)
  const watched = watchClient(meddler.url, { protocol: session(), transports: [transportOf(type)], probe: false })
  return {
    received,
    servers,
    meddler,
    watched,
    async [Symbol.asyncDispose]() {
      await watched[Symbol.asyncDispose]()
      await meddler[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}

describe.concurrent.each(asking)('over %s', (type) => {
  it.each([403, 413, 200])(
    '[SP10] a message that a firewall answers with %i is reported as undelivered, and the others arrive',
    async (status) => {
      await using bench = await behind(type, ({ body }) => (body.includes('<script>') ? { status } : 'pass'))
      const { client, nth, of, data } = bench.watched
      await nth('open')
      const bad = 'hello <script>alert(1)</script>'
      const values = [...numbered(20), bad, ...numbered(20, 21)]
      for (const value of values) client.send(value)
      await client.flushed()
      client.send('after')
      await client.flushed()
      const expected = [...values.filter((value) => value !== bad), 'after']
      expect(bench.received).toEqual(expected)
      await vi.waitFor(() => expect(data).toEqual(expected), 10_000)
      const errors = of('error')
      expect(errors.map(({ undelivered }) => undelivered)).toEqual([[bad]])
      expect(errors[0]?.diagnosis.evidence).toMatchObject({ kind: 'answered', status, phase: 'send' })
      if (status !== 200) expect(errors[0]?.diagnosis.message).toContain(String(status))
      expect([of('close'), of('open').length]).toEqual([[], 1])
    },
    30_000,
  )

  it('[SP2] a gateway that answers every seventh request with 502 causes no reconnect and loses no message', async () => {
    await using bench = await behind(type, ({ n }) => (n > 2 && n % 7 === 0 ? { status: 502 } : 'pass'))
    const { client, nth, of, data } = bench.watched
    await nth('open')
    await publishSlowly((value) => client.send(value), numbered(60), 20)
    await client.flushed()
    await vi.waitFor(() => expect(data).toEqual(numbered(60)), 15_000)
    expect(bench.received).toEqual(numbered(60))
    expect([of('close'), of('error')]).toEqual([[], []])
    expect(bench.meddler.requests.length).toBeGreaterThan(14)
  }, 30_000)

  it('[SP7] a message whose POST is never answered is delivered on the same attachment', async () => {
    let isToHang = true
    await using bench = await behind(type, ({ body, isSend }) => {
      if (!isToHang || !isSend || !body.includes('"m1"')) return 'pass'
      isToHang = false
      return 'hang'
    })
    const { client, nth, of } = bench.watched
    await nth('open')
    client.send('m1')
    await client.flushed()
    client.send('m2')
    await client.flushed()
    expect(bench.received).toEqual(['m1', 'm2'])
    expect([isToHang, of('close'), of('error')]).toEqual([false, [], []])
  }, 30_000)

  it('[SP9] requests that a restarting node refuses with 503 are repeated without a reconnect', async () => {
    let refusals = 0
    const problem = JSON.stringify({ steadfast: 'v1', code: 4503, reason: 'restarting', retryAfterMs: 60_000 })
    await using bench = await behind(type, ({ body, isSend }) => {
      if (!isSend || refusals === 3 || !/"m1"|"cursor"/.test(body)) return 'pass'
      refusals += 1
      return { status: 503, type: 'application/problem+json', body: problem }
    })
    const { client, nth, of } = bench.watched
    await nth('open')
    client.send('m1')
    await client.flushed()
    expect(bench.received).toEqual(['m1'])
    expect([refusals, of('close'), of('error')]).toEqual([3, [], []])
  }, 30_000)

  it('[SP9] an attachment that a firewall refuses with 403 is tried again, since the server has not refused it', async () => {
    let refusals = 2
    await using bench = await behind(type, () => (refusals-- > 0 ? { status: 403 } : 'pass'))
    const { nth, of } = bench.watched
    await nth('open', 1, 15_000)
    expect(of('error').map(({ diagnosis }) => [diagnosis.cause, diagnosis.verdict])).toEqual([
      ['path.intermediary', 'fallback'],
      ['path.intermediary', 'fallback'],
    ])
  }, 30_000)
})

it.each(['long-poll', 'poll'] as const)(
  'an answer that is cut off on its way is requested again without losing a message: %s',
  async (type) => {
    let answers = 0
    let cuts = 0
    await using bench = await behind(type, ({ isSend }) => {
      if (isSend) return 'pass'
      answers += 1
      // Several in a row would end the attachment.
      if (answers % 3 !== 0) return 'pass'
      cuts += 1
      return 'cut'
    })
    const { client, nth, of, data } = bench.watched
    await nth('open')
    await publishSlowly((value) => client.send(value), numbered(40), 10)
    await client.flushed()
    await vi.waitFor(() => expect(data).toEqual(numbered(40)), 10_000)
    expect(cuts).toBeGreaterThan(0)
    expect([of('close'), of('error'), of('gap')]).toEqual([[], [], []])
  },
  30_000,
)

it.for(asking)(
  "[SP10] a message larger than nginx's client_max_body_size is undelivered, and the others arrive: %s",
  { timeout: 30_000 },
  async (type, context) => {
    await want(context, 'nginx')
    const received: unknown[] = []
    await using servers = await RealtimeServers.start({ options: { onMessage: (_, { data }) => void received.push(data) } })
    const nginx = await startNginx(
      `server { listen 80; client_max_body_size 4k; location / { proxy_pass ${new URL(servers.url()).origin};
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_buffering off; } }`,
    )
    const watched = watchClient(`${nginx.origin}/realtime`, {
      protocol: session(),
      transports: [transportOf(type)],
      probe: false,
    })
    try {
      await watched.nth('open')
      const large = 'x'.repeat(10_000)
      const values = [...numbered(5), large, ...Array.from({ length: 20 }, (_, index) => `${index} ${'y'.repeat(1000)}`)]
      for (const value of values) watched.client.send(value)
      await watched.client.flushed()
      expect(received).toEqual(values.filter((value) => value !== large))
      expect(watched.of('error')).toMatchObject([
        { undelivered: [large], diagnosis: { cause: 'path.intermediary', evidence: { status: 413 } } },
      ])
      expect(watched.of('error')[0]?.diagnosis.candidates).toContain('http.413')
      expect(watched.of('close')).toEqual([])
    } finally {
      await watched.client.close()
      await nginx.close()
    }
  },
)

it('flushed() over poll does not wait for the next interval, even if called after the message was received', async () => {
  await using servers = await RealtimeServers.start({
    options: { onMessage: async () => new Promise((done) => setTimeout(done, 300)) },
  })
  const transports = [{ type: 'poll', url: '?transport=poll', intervalMs: 600_000 }] as const
  await using watched = watchClient(servers.urls[0] ?? '', { protocol: session(), transports })
  await watched.nth('open')
  watched.client.send('1')
  await watched.client.flushed()
  watched.client.send('2')
  await new Promise((done) => setTimeout(done, 1000))
  await watched.client.flushed()
})
