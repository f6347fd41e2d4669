import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { want } from '../support/equipment.ts'
import { echo, opened, publishInTurn, startProxied } from '../support/proxied.ts'
import { type ProxyName, proxyNames } from '../support/proxies.ts'
import { recommended, shortened } from '../support/proxy-settings.ts'

/** What operators change about the recommended settings, and what docs/DEPLOYMENT.md says comes of it. */

function changed(name: ProxyName, from: string | RegExp, to: string): string {
  const lines = recommended(name)
  const result = lines.replace(from, to)
  if (result === lines) throw new Error(`there is no ${from} in what is recommended for ${name}`)
  return result
}

/** A proxy that ends what is silent for a third of `heartbeatMs`. */
const tooShort = { minuteMs: 2000, server: { heartbeatMs: 6000 } }

describe.concurrent.each(['nginx', 'haproxy', 'apache', 'varnish'] as const)('%s waits less than heartbeatMs', (name) => {
  beforeEach((context) => want(context, name))

  it('a long-poll that it cuts is asked again, and is no end of the connection', async () => {
    await using bench = await startProxied(name, recommended(name), tooShort)
    await using page = bench.visit(['long-poll'])
    await opened(page)
    for (const each of ['one', 'two', 'three']) {
      await sleep(2500)
      await echo(page, [each])
    }
    expect([page.of('open').length, page.of('close').length]).toEqual([1, 0])
  })

  it('an event stream that it cuts goes on where it was', async () => {
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

/** Compression of all that the software can be told to compress. */
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

describe.concurrent.each(Object.entries(compressed) as [ProxyName, string][])('%s compresses', (name, lines) => {
  it('and holds no event back', async (context) => {
    await want(context, name)
    await using bench = await startProxied(name, lines)
    await using page = bench.visit(['sse'])
    await opened(page)
    const count = 10
    expect(await publishInTurn(bench, page, count)).toBeLessThan(count * shortened(20_000) * 0.75)
    expect(page.causes()).toEqual([])
  })
})

describe.concurrent('Host is replaced', () => {
  /** Every proxy of these, told not to pass the name on that the page has asked for. */
  const replaced: Partial<Readonly<Record<ProxyName, string>>> = {
    nginx: changed('nginx', 'Host $http_host', 'Host $proxy_host'),
    haproxy: changed('haproxy', '  default_backend', '  http-request set-header Host backend.internal\n  default_backend'),
    apache: changed('apache', 'ProxyPreserveHost On', 'ProxyPreserveHost Off'),
    caddy: changed('caddy', '    transport http', '    header_up Host {upstream_hostport}\n    transport http'),
  }

  for (const [name, lines] of Object.entries(replaced) as [ProxyName, string][]) {
    it(`${name}: publicOrigins says whose pages are our own`, async (context) => {
      await want(context, name)
      await using bench = await startProxied(name, lines, { server: (origin) => ({ publicOrigins: [origin] }) })
      await using page = bench.visit(['websocket'])
      await opened(page)
      await echo(page, ['hello'])
      expect(page.causes()).toEqual([])
    })
  }

  it('nginx: without it the WebSocket is refused, and the server is told what to set', async (context) => {
    await want(context, 'nginx')
    const errors: unknown[] = []
    const server = { onError: (error: unknown) => void errors.push(error) }
    await using bench = await startProxied('nginx', changed('nginx', 'Host $http_host', 'Host $host'), { server })
    await using page = bench.visit(['websocket'])
    await page.nth('error', 1, 20_000)
    expect(page.of('open')).toEqual([])
    // Both values that were compared, and the remedy.
    const told = errors.map(String).filter((each) => each.includes(bench.proxy.origin))
    expect(told).toEqual([expect.stringMatching(/http:\/\/127\.0\.0\.1 .*proxy_set_header Host \$http_host.*publicOrigins/)])
  })
})

it('every proxy of docs/DEPLOYMENT.md has a block', () => {
  for (const name of proxyNames) expect(recommended(name)).toContain('8080')
})
