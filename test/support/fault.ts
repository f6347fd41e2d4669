/**
 * What can go wrong between a browser and its server, as data.
 *
 * `only` selects the requests that a fault affects, by the request head alone, as a middlebox would.
 */
export type RequestKind = 'websocket' | 'event-stream' | 'other'

export type FaultScope = RequestKind | 'all'

interface Scoped {
  /** The requests that are affected. Default: `'all'`. */
  readonly only?: FaultScope | undefined
  /** Of these, only requests whose URL contains this. */
  readonly at?: string | undefined
}

export type Fault =
  /** Nothing is wrong. */
  | { readonly type: 'pass' }
  /**
   * Every byte takes `ms` each way, in order. A new connection also pays the round trip of a TCP handshake (the kernel's own
   * is instant on loopback), so that a dial costs what it costs over such a link.
   */
  | ({ readonly type: 'delay'; readonly ms: number } & Scoped)
  /** A link of this bandwidth each way, for each connection; a faster writer is paused. */
  | ({ readonly type: 'slow'; readonly bytesPerSecond: number } & Scoped)
  /** Nothing listens: the kernel refuses new connections. Open ones continue. */
  | { readonly type: 'refuse' }
  /** Connections are accepted, requests read and never answered, those on kept-alive connections too. */
  | ({ readonly type: 'hang' } & Scoped)
  /** RST at accept; with `only`, as soon as the request head has been read. */
  | ({ readonly type: 'reset' } & Scoped)
  /** RST `ms` after the head of the answer (for an upgrade: of the 101) has passed. Older connections are reset at once. */
  | ({ readonly type: 'kill-after-open'; readonly ms: number } & Scoped)
  /** The head of the answer passes, then no byte passes either way. The connection stays open. */
  | ({ readonly type: 'swallow-frames' } & Scoped)
  /** Connections open now pass neither bytes nor FIN any more. New ones work, as after a change of network. */
  | ({ readonly type: 'half-open' } & Scoped)
  /** The answer is held back until there are `bytes` of it (default: for ever) or it ends. Not applied to WebSockets. */
  | ({ readonly type: 'buffer'; readonly bytes?: number | undefined } & Scoped)
  /** A WebSocket upgrade is answered with this status; plain HTTP works. */
  | { readonly type: 'refuse-upgrade'; readonly status: number }
  /** A WebSocket upgrade is never answered; plain HTTP works. */
  | { readonly type: 'swallow-upgrade' }

export type FaultOf<Type extends Fault['type']> = Extract<Fault, { type: Type }>

/** The first fault of this type that affects requests of this kind (`undefined`: no request has been read yet) and URL. */
export function findFault<Type extends Fault['type']>(
  faults: readonly Fault[],
  type: Type,
  kind: RequestKind | undefined,
  path = '',
): FaultOf<Type> | undefined {
  return faults.find((fault): fault is FaultOf<Type> => {
    const scope = 'only' in fault ? (fault.only ?? 'all') : 'all'
    const at = 'at' in fault ? (fault.at ?? '') : ''
    return fault.type === type && inScope(kind, scope) && path.includes(at)
  })
}

export function inScope(kind: RequestKind | undefined, scope: FaultScope): boolean {
  return scope === 'all' || scope === kind
}
