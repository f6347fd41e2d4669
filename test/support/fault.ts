/**
 * What can go wrong between a browser and its server, as data.
 *
 * `only` says which requests a fault strikes; it is judged by the request head alone, as a middlebox would judge it.
 */
export type RequestKind = 'websocket' | 'event-stream' | 'other'

export type FaultScope = RequestKind | 'all'

interface Scoped {
  /** Which requests are struck. Default: `'all'`. */
  readonly only?: FaultScope | undefined
  /** And of these only requests whose URL contains this. */
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
  /** A link of this bandwidth each way, for each connection; who writes faster is made to wait. */
  | ({ readonly type: 'slow'; readonly bytesPerSecond: number } & Scoped)
  /** Nobody listens: the kernel refuses. Living connections go on. */
  | { readonly type: 'refuse' }
  /** Accepted, read, and never answered; so for a request on a kept-alive connection too. */
  | ({ readonly type: 'hang' } & Scoped)
  /** RST at accept; with `only`, as soon as the request head has been read. */
  | ({ readonly type: 'reset' } & Scoped)
  /** RST `ms` after the head of the answer (for an upgrade: of the 101) has passed. Living ones that are older go at once. */
  | ({ readonly type: 'kill-after-open'; readonly ms: number } & Scoped)
  /** The head of the answer passes, then no byte does, either way, for good. The connection stays open. */
  | ({ readonly type: 'swallow-frames' } & Scoped)
  /** The connections that live now lose their path for good: no byte, no FIN. New ones pass, as after a change of network. */
  | ({ readonly type: 'half-open' } & Scoped)
  /** The answer is held back until there are `bytes` of it (default: for ever) or it ends. Never done to a WebSocket. */
  | ({ readonly type: 'buffer'; readonly bytes?: number | undefined } & Scoped)
  /** A WebSocket upgrade is answered with this status; plain HTTP works. */
  | { readonly type: 'refuse-upgrade'; readonly status: number }
  /** A WebSocket upgrade is never answered; plain HTTP works. */
  | { readonly type: 'swallow-upgrade' }

export type FaultOf<Type extends Fault['type']> = Extract<Fault, { type: Type }>

/** The first fault of this type that strikes requests of this kind (`undefined`: no request has been read yet) and URL. */
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
