import { createServer, type Socket } from 'node:net'
import { type Fault, type FaultScope, findFault, inScope, type RequestKind } from './fault.ts'
import { Relay } from './fault-relay.ts'
import { listenOnLoopback, stopListening } from './loopback.ts'

export type { Fault, FaultScope, RequestKind } from './fault.ts'

/** A request that reached the proxy, or (`'unread'`) a connection that was reset before it could send one. */
export interface Dial {
  readonly kind: RequestKind | 'unread'
  readonly path: string
  /** By `performance.now()` of this process. */
  readonly at: number
}

export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly url: string
  /**
   * Replaces the faults in force. Faults of requests affect the next request, faults of bytes affect open connections at
   * once. Several may be in force together: `set({ type: 'delay', ms: 50 }, { type: 'refuse-upgrade', status: 403 })`.
   */
  set(...faults: readonly Fault[]): Promise<void>
  /** How many connections are open on the client's side, by the kind of their latest request. */
  connections(scope?: FaultScope): number
  /** Every request so far, oldest first. A kept-alive connection counts once for each request. */
  dials(scope?: FaultScope): readonly Dial[]
  /** Sends RST on every open connection (of this kind). */
  killAll(scope?: FaultScope): void
  close(): Promise<void>
}

export interface FaultProxyOptions {
  readonly target: { readonly host?: string; readonly port: number }
}

/** A TCP proxy on loopback that injects faults on demand. */
export async function startFaultProxy({ target }: FaultProxyOptions): Promise<FaultProxy> {
  let faults: readonly Fault[] = []
  const relays = new Set<Relay>()
  const dials: Dial[] = []

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client: Socket) => {
    const record = (kind: Dial['kind'], path: string) => void dials.push({ kind, path, at: performance.now() })
    if (findFault(faults, 'reset', undefined) !== undefined) {
      record('unread', '')
      client.resetAndDestroy()
      return
    }
    const relay = new Relay(client, {
      target: { host: '127.0.0.1', ...target },
      faults: () => faults,
      onRequest: record,
      onGone: () => relays.delete(relay),
    })
    relays.add(relay)
  })

  const port = await listenOnLoopback(listener)

  const proxy: FaultProxy = {
    port,
    url: `http://127.0.0.1:${port}`,
    async set(...next) {
      faults = next
      for (const relay of relays) relay.faultsChanged()
      const refuses = findFault(faults, 'refuse', undefined) !== undefined
      if (refuses) await stopListening(listener)
      else if (!listener.listening) await listenOnLoopback(listener, port)
    },
    connections: (scope = 'all') => living(scope).length,
    dials: (scope = 'all') => (scope === 'all' ? [...dials] : dials.filter(({ kind }) => kind === scope)),
    killAll(scope = 'all') {
      for (const relay of living(scope)) relay.reset()
    },
    async close() {
      await stopListening(listener)
      for (const relay of relays) relay.destroy()
      relays.clear()
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  }
  return proxy

  function living(scope: FaultScope): Relay[] {
    return [...relays].filter((relay) => relay.alive && inScope(relay.kind, scope))
  }
}
