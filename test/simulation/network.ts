import { Being, type Clock } from './clock.ts'
import { Pipe, type Travel } from './pipe.ts'
import { Random } from './random.ts'

/** The purpose of a request, as a middlebox can tell. */
export type RequestKind = 'websocket' | 'sse' | 'long-poll' | 'poll' | 'send'

/**
 * How a kind of request is blocked: refused, never answered, answered with this status by a middlebox, or swallowed after the
 * connection has opened.
 */
export type Ban = 'refuse' | 'hang' | 'swallow' | 502 | 405

/** Holds an answer's body back until it has `holdBytes` or ends. */
export interface Buffering {
  readonly holdBytes: number
  readonly holdsHead: boolean
}

/** The current state of the network. */
export interface Conditions {
  latencyMs: number
  jitterMs: number
  bytesPerMs: number
  stalledUntil: number
  /** Nothing gets through: dials fail or hang. */
  outage: 'none' | 'refuse' | 'hang'
  proxy: Buffering | null
  /** The answer of a proxy for a node that it cannot reach. */
  gateway: 'none' | 502 | 503
  readonly bans: Map<RequestKind, Ban>
}

/** The end of a connection at a server. */
export interface ServerEnd {
  /** The connection broke. */
  broke(): void
}

/** The end of a connection in the page. */
export interface PageEnd {
  broke(): void
  /** A middlebox answers in place of the server. */
  answered(status: number): void
}

export type Notice = 'both' | 'page' | 'server' | 'nobody'

/** One TCP connection, as long as one side takes it for open. */
export class Connection {
  readonly id: number
  readonly kind: RequestKind
  readonly node: number
  readonly up: Pipe
  readonly down: Pipe
  readonly random: Random
  readonly page: PageEnd
  server: ServerEnd | null = null
  /** Whether the page holds it: as an open socket or a pending request. */
  isHeld = true
  isOver = false
  /** When a node last sent over it that the attachment is open. */
  toldAt = 0

  constructor(id: number, kind: RequestKind, node: number, up: Pipe, down: Pipe, random: Random, page: PageEnd) {
    this.id = id
    this.kind = kind
    this.node = node
    this.up = up
    this.down = down
    this.random = random
    this.page = page
  }

  /** Breaks the connection: a share of the bytes in flight still arrives, and sides without notice take it for open. */
  break(shareUp: number, shareDown: number, notice: Notice): void {
    this.isOver = notice === 'both'
    const toldServer = notice === 'both' || notice === 'server'
    const toldPage = notice === 'both' || notice === 'page'
    if (toldServer) this.up.cut(shareUp, () => this.server?.broke())
    else this.up.swallow()
    if (toldPage) this.down.cut(shareDown, () => this.page.broke())
    else this.down.swallow()
  }
}

/** The receiver of connections at a node. */
export interface Door {
  readonly being: Being
  upgrade(connection: Connection, url: URL, protocols: readonly string[]): void
  /** Takes a request whose body arrives in pieces. */
  request(connection: Connection): { took(bytes: Uint8Array): void; ended(): void }
}

/** Selects the node of a new connection; `null` if none can take it. */
export type Route = (random: Random) => { readonly node: number; readonly door: Door } | null

export const calm = { latencyMs: 20, jitterMs: 5, bytesPerMs: 1000 } as const

/** Everything between the page and the nodes. */
export class Network {
  readonly connections = new Set<Connection>()
  readonly conditions: Conditions = {
    ...calm,
    stalledUntil: 0,
    outage: 'none',
    proxy: null,
    gateway: 'none',
    bans: new Map(),
  }
  /** The process of the page, for events that arrive there. */
  readonly pageBeing: Being
  readonly clock: Clock
  readonly trace: (line: () => string) => void
  #lastId = 0
  readonly #seed: number
  readonly #route: Route
  readonly #nowhere = new Being('nowhere')

  constructor(clock: Clock, pageBeing: Being, seed: number, route: Route, trace: (line: () => string) => void) {
    this.clock = clock
    this.pageBeing = pageBeing
    this.trace = trace
    this.#seed = seed
    this.#route = route
  }

  /** Dials; the page's end gets the outcome later. `reached` is called if there is a node, to start the exchange. */
  dial(kind: RequestKind, page: PageEnd, reached: (connection: Connection, door: Door) => void): Connection {
    this.#lastId += 1
    const { conditions, clock } = this
    const random = new Random(this.#seed, 7, this.#lastId)
    const target = this.#route(random)
    const travel: Travel = {
      latencyMs: () => conditions.latencyMs + random.next() * conditions.jitterMs,
      bytesPerMs: () => conditions.bytesPerMs,
      stalledUntil: () => conditions.stalledUntil,
    }
    const up = new Pipe(clock, target?.door.being ?? this.#nowhere, travel)
    const down = new Pipe(clock, this.pageBeing, travel)
    const connection = new Connection(this.#lastId, kind, target?.node ?? -1, up, down, random, page)
    this.connections.add(connection)
    const ban = conditions.bans.get(kind)
    const fate = conditions.outage !== 'none' ? conditions.outage : (ban ?? (target ? 'pass' : 'refuse'))
    this.trace(() => `  #${connection.id} ${kind} -> node ${connection.node}${fate === 'pass' ? '' : ` (${fate})`}`)
    if (fate === 'refuse') {
      const { gateway } = conditions
      const isAnswered = gateway !== 'none' && conditions.outage === 'none' && !ban && kind !== 'websocket'
      down.push(100, () => (isAnswered ? page.answered(gateway) : page.broke()), conditions.latencyMs)
      down.cut(1, null)
    } else if (fate === 'hang') connection.break(0, 0, 'nobody')
    else if (typeof fate === 'number') {
      down.push(200, () => (kind === 'websocket' ? page.broke() : page.answered(fate)), conditions.latencyMs)
      down.cut(1, null)
    } else if (target) reached(connection, target.door)
    return connection
  }

  /** Whether a middlebox swallows what follows the opening of this connection. */
  swallows({ kind }: Connection): boolean {
    return this.conditions.bans.get(kind) === 'swallow'
  }

  /** The connections that the page holds. */
  held(): Connection[] {
    return [...this.connections].filter(({ isHeld }) => isHeld)
  }

  /** Removes connections that neither side takes for open. */
  sweep(): void {
    for (const connection of this.connections) if (connection.isOver && !connection.isHeld) this.connections.delete(connection)
  }
}
