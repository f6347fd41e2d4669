import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { isEquippedWith, want } from '../support/equipment.ts'
import { echo, opened, type Proxied, publishInTurn, startProxied } from '../support/proxied.ts'
import { type ProxyName, proxyNames } from '../support/proxies.ts'
import { defaults, recommended, shortened } from '../support/proxy-settings.ts'
import { sessionTransports } from '../support/session-rig.ts'

/**
 * Sessions through the real proxies, each with the shortest configuration that proxies and with what docs/DEPLOYMENT.md
 * recommends. A page of the proxy's own origin asks, on a port of its own, and no server is told of origins.
 *
 * Where a proxy is not installed its tests are skipped, which CI does not allow.
 */
const settings = ['recommended', 'default'] as const
type Setting = (typeof settings)[number]

const mebibyte = 1_048_576
/** These hand a request for an upgrade on as a plain one, unless they are told otherwise. */
const stripsUpgrades = ['nginx default', 'apache default', 'varnish default']
/** A body may have 1 MB. */
const boundsBodies = ['nginx default']

/** The server of docs/DEPLOYMENT.md is told this of the proxy. */
const recommendedServer = { trustProxy: 'loopback' }

const benches = new Map<string, Promise<Proxied>>()

beforeAll(async () => {
  for (const name of proxyNames) {
    if (!(await isEquippedWith(name))) continue
    benches.set(`${name} recommended`, startProxied(name, recommended(name), { server: recommendedServer }))
    benches.set(`${name} default`, startProxied(name, defaults[name]))
  }
  await Promise.allSettled(benches.values())
})
afterAll(async () => {
  for (const bench of await Promise.allSettled(benches.values()))
    if (bench.status === 'fulfilled') await bench.value[Symbol.asyncDispose]()
})

async function benchOf(name: ProxyName, setting: Setting): Promise<Proxied> {
  const bench = benches.get(`${name} ${setting}`)
  if (!bench) throw new Error(`there is no ${name} ${setting}`)
  return bench
}

describe.concurrent.each(proxyNames)('%s', (name) => {
  beforeEach((context) => want(context, name))

  describe.concurrent.each(settings)('%s', (setting) => {
    const cell = `${name} ${setting}`
    const passing = sessionTransports
      .map(({ type }) => type)
      .filter((type) => type !== 'websocket' || !stripsUpgrades.includes(cell))

    describe.concurrent.each(passing)('%s', (type) => {
      it('carries what is sent, both ways and at once', async () => {
        const bench = await benchOf(name, setting)
        await using page = bench.visit([type])
        await opened(page)
        await echo(page, ['one line', 'two\nlines', '三 🙂', ''])
        const count = 10
        const elapsedMs = await publishInTurn(bench, page, count)
        // What a proxy holds back comes with the next heartbeat, or never; of answers that are sent whole it can hold back nothing.
        if (type === 'websocket' || type === 'sse') expect(elapsedMs).toBeLessThan(count * shortened(20_000) * 0.75)
        expect(page.causes()).toEqual([])
      })

      it('stays open while nothing is said for longer than the proxy waits', async () => {
        const bench = await benchOf(name, setting)
        await using page = bench.visit([type])
        await opened(page)
        await echo(page, ['before'])
        await sleep(shortened(60_000) * 1.6)
        await echo(page, ['after'])
        expect([page.of('open').length, page.of('close').length, page.causes()]).toEqual([1, 0, []])
      })

      it('carries a message of 1 MiB, or says that it is undelivered and goes on', async () => {
        const bench = await benchOf(name, setting)
        await using page = bench.visit([type])
        await opened(page)
        const large = 'x'.repeat(mebibyte)
        if (type === 'websocket' || !boundsBodies.includes(cell)) {
          await echo(page, [large, 'after'])
          expect(page.causes()).toEqual([])
          return
        }
        page.client.send(large)
        await echo(page, ['after'])
        const undelivered = page
          .of('error')
          .flatMap(({ undelivered = [], diagnosis }) => undelivered.map(() => diagnosis.message))
        expect(undelivered).toEqual([expect.stringContaining('413')])
        expect(page.of('close')).toEqual([])
      })
    })

    if (!stripsUpgrades.includes(cell)) return
    it('lets no WebSocket through: the client is open over SSE, and says why', async () => {
      const bench = await benchOf(name, setting)
      // With long-poll as well, a stream that is slow to open on a busy machine would lose to it.
      await using page = bench.visit(['websocket', 'sse'])
      await opened(page)
      expect(page.opened()).toEqual(['sse'])
      await echo(page, ['over sse'])
      await vi.waitFor(() =>
        expect(page.of('diagnosis').map(({ diagnosis }) => diagnosis.cause)).toEqual(['ws.upgrade_stripped']),
      )
      expect(page.causes()).toEqual(['net.unreachable'])
      expect(page.of('close')).toEqual([])
    })
  })

  it('what is recommended tells the server who asks, and for what', async () => {
    const seen: (string | undefined)[][] = []
    await using bench = await startProxied(name, recommended(name), {
      server: {
        ...recommendedServer,
        authenticate({ headers }) {
          seen.push([headers.host, headers['x-forwarded-proto'] as string, headers['x-forwarded-for'] as string])
          return { id: 'somebody' }
        },
      },
    })
    const { host } = new URL(bench.proxy.origin)
    for (const type of ['websocket', 'sse'] as const) {
      await using page = bench.visit([type])
      await opened(page)
    }
    const forged = await fetch(`${bench.proxy.origin}/realtime`, {
      method: 'POST',
      headers: { 'X-Forwarded-For': '203.0.113.9' },
      body: JSON.stringify({ v: 1, session: 'a-session-of-somebody', k: 1, n: 1, wait: 0 }),
    })
    await forged.text()
    expect(seen.length).toBeGreaterThanOrEqual(3)
    expect(seen.map(([asked]) => asked)).toEqual(seen.map(() => host))
    expect(seen.map(([, scheme]) => scheme)).toEqual(seen.map(() => 'http'))
    expect(bench.servers.errors).toEqual([])
    // The last address is the one that the proxy has seen itself.
    expect(seen.map(([, , addresses]) => addresses?.split(/,\s*/).at(-1))).toEqual(seen.map(() => '127.0.0.1'))
  })
})

it('haproxy sends each event at once only where it is told to', async (context) => {
  await want(context, 'haproxy')
  const times: number[] = []
  for (const setting of settings) {
    const bench = await benchOf('haproxy', setting)
    await using page = bench.visit(['sse'])
    await opened(page)
    times.push(await publishInTurn(bench, page, 10))
  }
  const [quick = 0, slow = 0] = times
  expect(slow).toBeGreaterThan(2 * quick)
})
