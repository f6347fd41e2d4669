import type { RealtimeOptions, TransportSettings } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { RealtimeServers, type RealtimeServersOptions } from './realtime-servers.ts'
import { type RoundRobin, startRoundRobin } from './round-robin.ts'
import { type WatchedClient, watchClient } from './watched-client.ts'

/** Each transport with a URL that names it, so that a proxy, which does not parse hellos, can tell them apart. */
export const sessionTransports = [
  { type: 'websocket', url: '?transport=websocket' },
  { type: 'sse', url: '?transport=sse' },
  { type: 'long-poll', url: '?transport=long-poll' },
  { type: 'poll', url: '?transport=poll', intervalMs: 20 },
] as const satisfies readonly TransportSettings[]

export type TransportName = (typeof sessionTransports)[number]['type']

export function transportOf(type: TransportName): TransportSettings {
  return sessionTransports.find((each) => each.type === type) as TransportSettings
}

export interface SessionRig extends AsyncDisposable {
  readonly servers: RealtimeServers
  readonly proxy: FaultProxy
  /** The URL through the proxy and, if there are several servers, through a balancer that alternates between them. */
  readonly url: string
  /** Creates a client of this URL in a session. */
  watch(options?: RealtimeOptions): WatchedClient
}

/** Real servers over one store, behind a balancer without affinity, behind a fault proxy. */
export async function startRig(options: RealtimeServersOptions = {}): Promise<SessionRig> {
  const servers = await RealtimeServers.start(options)
  const balancer: RoundRobin | null = servers.ports.length > 1 ? await startRoundRobin(servers.ports) : null
  const proxy = await startFaultProxy({ target: { port: balancer?.port ?? servers.ports[0] ?? 0 } })
  const url = `${proxy.url}/realtime`
  return {
    servers,
    proxy,
    url,
    watch: (own = {}) => watchClient(url, { protocol: session(), transports: sessionTransports, ...own }),
    async [Symbol.asyncDispose]() {
      await proxy.close()
      await balancer?.[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}
