import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { isEquippedWith, want } from '../support/equipment.ts'
import { echo, opened, type Proxied, publishInTurn, startProxied } from '../support/proxied.ts'
import { type ProxyName, proxyNames } from '../support/proxies.ts'
import { defaults, recommended, shortened } from '../support/proxy-settings.ts'
import { bodyOf, randomSession } from '../support/raw-client.ts'
import { RawTcp, upgradeText } from '../support/raw-tcp.ts'
import { sessionTransports } from '../support/session-rig.ts'

/**
 * Sessions through real proxies, each with the shortest configuration that works as a proxy and with the one that
 * docs/DEPLOYMENT.md recommends. The client is a page at the proxy's own origin, and no server has the option `origins`.
 *
 * Where a proxy is not installed its tests are skipped, which CI does not allow.
 */
const settings = ['recommended', 'default'] as const
type Setting = (typeof settings)[number]

const mebibyte = 1_048_576
/** These forward an upgrade as a plain request, unless they are configured otherwise. */
const stripsUpgrades = ['nginx default', 'apache default', 'varnish default']
/** These limit a request body to 1 MB. */
const boundsBodies = ['nginx default']

/** The server option that docs/DEPLOYMENT.md sets behind a proxy. */
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
      it('carries messages both ways without holding them back', async () => {
        const bench = await benchOf(name, setting)
        await using page = bench.visit([type])
        await opened(page)
        await echo(page, ['one line', 'two\nlines', '三 🙂', ''])
        const count = 10
        const elapsedMs = await publishInTurn(bench, page, count)
        // A message that a proxy holds back arrives with the next heartbeat, or never. Complete responses cannot be held back.
        if (type === 'websocket' || type === 'sse') expect(elapsedMs).toBeLessThan(count * shortened(20_000) * 0.75)
        expect(page.causes()).toEqual([])
      })

      it('stays open while idle for longer than the timeout of the proxy', async () => {
        const bench = await benchOf(name, setting)
        await using page = bench.visit([type])
        await opened(page)
        await echo(page, ['before'])
        await sleep(shortened(60_000) * 1.6)
        await echo(page, ['after'])
        expect([page.of('open').length, page.of('close').length, page.causes()]).toEqual([1, 0, []])
      })

      it('carries a message of 1 MiB, or reports it as undelivered and stays open', async () => {
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
    it('strips upgrades: the client opens over SSE and diagnoses ws.upgrade_stripped', async () => {
      const bench = await benchOf(name, setting)
      // Without long-poll, to which a stream that is slow to open on a busy machine would lose the race.
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

  it.each(['/realtime/', '/%72ealtime'])('the recommended configuration passes %s on as /realtime', async (target) => {
    const { proxy } = await benchOf(name, 'recommended')
    const port = Number(new URL(proxy.origin).port)
    using upgraded = await RawTcp.open(port)
    await upgraded.write(upgradeText({ session: randomSession() }, {}, target))
    expect((await upgraded.answered(1))[0]?.status).toBe(101)
    const posted = await fetch(`${proxy.origin}${target}`, {
      method: 'POST',
      headers: { 'Accept-Encoding': 'gzip' },
      body: bodyOf({ session: randomSession(), wait: 0 }),
    })
    expect(await posted.text()).toContain('data: o{')
    expect([posted.status, posted.headers.get('Content-Encoding')]).toEqual([200, null])
  })

  it('the recommended configuration passes Host, scheme and client address on to the server', async () => {
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
    // The last address is the one that the proxy itself has added.
    expect(seen.map(([, , addresses]) => addresses?.split(/,\s*/).at(-1))).toEqual(seen.map(() => '127.0.0.1'))
  })
})

it('haproxy delays events by default, but not with the recommended configuration', async (context) => {
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
