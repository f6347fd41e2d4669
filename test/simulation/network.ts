import { Being, type Clock } from './clock.ts'
import { Pipe, type Travel } from './pipe.ts'
import { Random } from './random.ts'

/** What a request is for, as something in between can tell. */
export type RequestKind = 'websocket' | 'sse' | 'long-poll' | 'poll' | 'send'

/**
 * How a kind of request is forbidden: refused, never answered, answered by something else with this status, or let through at the door
 * and swallowed behind it.
 */
export type Ban = 'refuse' | 'hang' | 'swallow' | 502 | 405

/** Holds an answer's body back until so many bytes of it have come, or until it ends. */
export interface Buffering {
  readonly holdBytes: number
  readonly holdsHead: boolean
}

/** The network as it is now. */
export interface Conditions {
  latencyMs: number
  jitterMs: number
  bytesPerMs: number
  stalledUntil: number
  /** Nothing gets through: dials fail or hang. */
  outage: 'none' | 'refuse' | 'hang'
  proxy: Buffering | null
  /** What a proxy in between says of a node that it cannot reach. */
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
  /** Something in between answers in the server's place. */
  answered(status: number): void
}

export type Notice = 'both' | 'page' | 'server' | 'nobody'

/** One TCP connection, as long as anybody believes in it. */
export class Connection {
  readonly id: number
  readonly kind: RequestKind
  readonly node: number
  readonly up: Pipe
  readonly down: Pipe
  readonly random: Random
  readonly page: PageEnd
  server: ServerEnd | null = null
  /** The page has it: a socket that is not closed, a request that is not over. */
  isHeld = true
  isOver = false
  /** When a node last told over it that the attachment is open. */
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

  /** It breaks: of what is on its way a share still arrives, and those who are not told go on believing. */
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

/** Whoever answers at a node. */
export interface Door {
  readonly being: Being
  upgrade(connection: Connection, url: URL, protocols: readonly string[]): void
  /** Takes a request whose body comes in pieces. */
  request(connection: Connection): { took(bytes: Uint8Array): void; ended(): void }
}

/** The node that a new connection leads to; `null` when nobody is there to take it. */
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
  /** The page's side of things: what arrives there. */
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

  /** Dials; what comes of it the page's end learns later. `reached` is called where there is a node, to begin to talk to it. */
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

  /** Whether what is let through the door of this connection is swallowed behind it. */
  swallows({ kind }: Connection): boolean {
    return this.conditions.bans.get(kind) === 'swallow'
  }

  /** Those that the page holds. */
  held(): Connection[] {
    return [...this.connections].filter(({ isHeld }) => isHeld)
  }

  /** Forgets what nobody believes in any more. */
  sweep(): void {
    for (const connection of this.connections) if (connection.isOver && !connection.isHeld) this.connections.delete(connection)
  }
}
