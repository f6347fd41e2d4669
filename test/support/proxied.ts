import { expect, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import type { RealtimeServerOptions } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import { freePort } from './loopback.ts'
import { pageAt } from './page-like.ts'
import { type ProxyName, type RunningProxy, startProxy } from './proxies.ts'
import { aimed, shortened } from './proxy-settings.ts'
import { RealtimeServers } from './realtime-servers.ts'
import { type TransportName, transportOf } from './session-rig.ts'
import { type WatchedClient, watchClient } from './watched-client.ts'

/** A server that echoes, behind a real proxy. */
export interface Proxied extends AsyncDisposable {
  readonly servers: RealtimeServers
  readonly proxy: RunningProxy
  /** A client of a page at the proxy's origin, in a session, over these transports. */
  visit(transports: readonly TransportName[], options?: RealtimeOptions): WatchedClient
}

export interface ProxiedOptions {
  /** How long a minute in the proxy's configuration lasts in the test. @defaultValue five seconds */
  readonly minuteMs?: number
  /** Options of the server, or a function of the origin of the pages that returns them. */
  readonly server?: RealtimeServerOptions | ((origin: string) => RealtimeServerOptions)
}

export async function startProxied(name: ProxyName, lines: string, options: ProxiedOptions = {}): Promise<Proxied> {
  const { minuteMs = shortened(60_000), server = {} } = options
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const servers = await RealtimeServers.start({
    options: {
      heartbeatMs: shortened(20_000),
      onSession: (session) => session.subscribe(session.id),
      onMessage: (session, { data }) => session.send(data === 'which session?' ? session.id : data),
      ...(typeof server === 'function' ? server(origin) : server),
    },
  })
  const times = name === 'varnish' ? ['pipe_timeout', 'first_byte_timeout', 'between_bytes_timeout'] : []
  const parameters = times.flatMap((each) => ['-p', `${each}=${minuteMs / 1000}`])
  const proxy = await startProxy(name, aimed(lines, servers.ports[0] ?? 0, minuteMs), { port, parameters })
  return {
    servers,
    proxy,
    visit(transports, own = {}) {
      const chosen = transports.map((type) => (type === 'poll' ? { ...transportOf(type), intervalMs: 100 } : transportOf(type)))
      return watchClient(`${origin}/realtime`, { protocol: session(), transports: chosen, host: pageAt(origin), ...own })
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}

/** Resolves when the client opens for the first time; proxies that start in parallel may be slow. */
export async function opened(page: WatchedClient): Promise<void> {
  await page.nth('open', 1, 20_000)
}

/** Sends these and waits until they have come back, in order. */
export async function echo({ client, data, events }: WatchedClient, texts: readonly string[]): Promise<void> {
  const from = data.length
  for (const each of texts) client.send(each)
  const happened = () => JSON.stringify(events.slice(-8)).slice(0, 3000)
  await vi.waitFor(() => expect(data.length, happened()).toBe(from + texts.length), { timeout: 20_000, interval: 10 })
  expect(data.slice(from)).toEqual(texts)
}

/** The topic to which only this session is subscribed. */
async function topicOf({ client, data }: WatchedClient): Promise<string> {
  const before = data.length
  client.send('which session?')
  await vi.waitFor(() => expect(data.length).toBe(before + 1), { timeout: 10_000, interval: 5 })
  return String(data.at(-1))
}

/** Publishes `count` messages, each after the previous one has arrived; resolves with the time that takes, in milliseconds. */
export async function publishInTurn(bench: Proxied, page: WatchedClient, count: number): Promise<number> {
  const topic = await topicOf(page)
  const began = performance.now()
  for (let n = 1; n <= count; n += 1) {
    await bench.servers.server().publish(topic, `n${n}`)
    await vi.waitFor(() => expect(page.data.at(-1)).toBe(`n${n}`), { timeout: 10_000, interval: 2 })
  }
  return performance.now() - began
}
