import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { want } from '../support/equipment.ts'
import { echo, opened, publishInTurn, startProxied } from '../support/proxied.ts'
import { type ProxyName, proxyNames } from '../support/proxies.ts'
import { recommended, shortened } from '../support/proxy-settings.ts'

/** Changes that operators make to the recommended settings, with the effects that docs/DEPLOYMENT.md describes. */

function changed(name: ProxyName, from: string | RegExp, to: string): string {
  const lines = recommended(name)
  const result = lines.replace(from, to)
  if (result === lines) throw new Error(`there is no ${from} in what is recommended for ${name}`)
  return result
}

/** A proxy whose idle timeout is a third of `heartbeatMs`. */
const tooShort = { minuteMs: 2000, server: { heartbeatMs: 6000 } }

describe.concurrent.each(['nginx', 'haproxy', 'apache', 'varnish'] as const)('%s with a timeout below heartbeatMs', (name) => {
  beforeEach((context) => want(context, name))

  it('cuts a long-poll, which the client repeats without a close event', async () => {
    await using bench = await startProxied(name, recommended(name), tooShort)
    await using page = bench.visit(['long-poll'])
    await opened(page)
    for (const each of ['one', 'two', 'three']) {
      await sleep(2500)
      await echo(page, [each])
    }
    expect([page.of('open').length, page.of('close').length]).toEqual([1, 0])
  })

  it('cuts an event stream, which the client resumes without losing a message', async () => {
    await using bench = await startProxied(name, recommended(name), tooShort)
    await using page = bench.visit(['sse'])
    await opened(page)
    for (const each of ['one', 'two', 'three']) {
      await sleep(2500)
      await echo(page, [each])
    }
    expect(page.data).toEqual(['one', 'two', 'three'])
    expect(page.causes()).toContain('stream.truncated')
    expect(page.of('open').map(({ resumed }) => resumed)).toEqual(page.of('open').map((_, index) => index > 0))
  })
})

/** Configurations that compress as many content types as the proxy can. */
const compressed: Partial<Readonly<Record<ProxyName, string>>> = {
  nginx: changed('nginx', '  location', '  gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;\n\n  location'),
  haproxy: changed(
    'haproxy',
    '  default_backend',
    '  compression algo gzip\n  compression type text/event-stream\n  default_backend',
  ),
  apache: changed('apache', '</VirtualHost>', '  SetOutputFilter DEFLATE\n</VirtualHost>'),
  caddy: recommended('caddy'),
}

describe.concurrent.each(Object.entries(compressed) as [ProxyName, string][])('%s with compression', (name, lines) => {
  it('holds no event back', async (context) => {
    await want(context, name)
    await using bench = await startProxied(name, lines)
    await using page = bench.visit(['sse'])
    await opened(page)
    const count = 10
    expect(await publishInTurn(bench, page, count)).toBeLessThan(count * shortened(20_000) * 0.75)
    expect(page.causes()).toEqual([])
  })
})

describe.concurrent('behind a proxy that replaces Host', () => {
  /** Each proxy, configured not to forward the Host that the page requested. */
  const replaced: Partial<Readonly<Record<ProxyName, string>>> = {
    nginx: changed('nginx', 'Host $http_host', 'Host $proxy_host'),
    haproxy: changed('haproxy', '  default_backend', '  http-request set-header Host backend.internal\n  default_backend'),
    apache: changed('apache', 'ProxyPreserveHost On', 'ProxyPreserveHost Off'),
    caddy: changed('caddy', '    transport http', '    header_up Host {upstream_hostport}\n    transport http'),
  }

  for (const [name, lines] of Object.entries(replaced) as [ProxyName, string][]) {
    it(`${name}: a WebSocket opens if publicOrigins contains the origin of the page`, async (context) => {
      await want(context, name)
      await using bench = await startProxied(name, lines, { server: (origin) => ({ publicOrigins: [origin] }) })
      await using page = bench.visit(['websocket'])
      await opened(page)
      await echo(page, ['hello'])
      expect(page.causes()).toEqual([])
    })
  }

  it('nginx: without publicOrigins a WebSocket is refused; the error names both origins and the remedy', async (context) => {
    await want(context, 'nginx')
    const errors: unknown[] = []
    const server = { onError: (error: unknown) => void errors.push(error) }
    await using bench = await startProxied('nginx', changed('nginx', 'Host $http_host', 'Host $host'), { server })
    await using page = bench.visit(['websocket'])
    await page.nth('error', 1, 20_000)
    expect(page.of('open')).toEqual([])
    // The error names both compared origins and the remedy.
    const told = errors.map(String).filter((each) => each.includes(bench.proxy.origin))
    expect(told).toEqual([expect.stringMatching(/http:\/\/127\.0\.0\.1 .*proxy_set_header Host \$http_host.*publicOrigins/)])
  })
})

it('docs/DEPLOYMENT.md has a configuration for every proxy', () => {
  for (const name of proxyNames) expect(recommended(name)).toContain('8080')
})
