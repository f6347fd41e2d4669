import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Handlers } from '../../src/server/handlers.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { type MemoryLimits, type MemoryStore, memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type { SessionStore, TopicLog } from '../../src/server/store/ports.ts'
import { listenOnLoopback } from './loopback.ts'
import { type PageOptions, servePage } from './page-host.ts'
import { mortal } from './server-bench.ts'

export interface RealtimeServersOptions {
  /** How many servers share the store. @defaultValue 1 */
  readonly count?: number
  readonly options?: RealtimeServerOptions | ((index: number) => RealtimeServerOptions)
  readonly store?: MemoryLimits
  /** Opens another store for each of the servers, closed with them. @defaultValue one `memoryStore` */
  readonly openStore?: (limits: MemoryLimits) => {
    readonly topics: TopicLog
    readonly sessions: SessionStore
    close(): Promise<void>
  }
  /** Serves a blank page with a script on the same origin, see `openPage`. */
  readonly page?: PageOptions
}

/** Real servers over one store, which act like separate processes. */
export class RealtimeServers implements AsyncDisposable {
  readonly store: MemoryStore
  readonly servers: readonly RealtimeServer[]
  readonly urls: readonly string[]
  /** Errors thrown by handlers, and all others that were reported. */
  readonly errors: readonly unknown[]
  readonly #https: readonly Server[]
  readonly #sockets: readonly Set<Socket>[]
  readonly #dead: Set<number>
  readonly #others: readonly { close(): Promise<void> }[]

  private constructor(
    store: MemoryStore,
    servers: readonly RealtimeServer[],
    https: readonly Server[],
    ports: readonly number[],
    sockets: readonly Set<Socket>[],
    dead: Set<number>,
    errors: readonly unknown[],
    others: readonly { close(): Promise<void> }[],
  ) {
    this.store = store
    this.servers = servers
    this.urls = ports.map((port) => `http://127.0.0.1:${port}/realtime`)
    this.errors = errors
    this.#others = others
    this.#https = https
    this.#sockets = sockets
    this.#dead = dead
  }

  static async start({
    count = 1,
    options = {},
    store: limits,
    openStore,
    page,
  }: RealtimeServersOptions = {}): Promise<RealtimeServers> {
    const store = memoryStore(limits)
    const dead = new Set<number>()
    const errors: unknown[] = []
    const sockets = Array.from({ length: count }, () => new Set<Socket>())
    const others = openStore ? sockets.map(() => openStore(limits ?? {})) : []
    const servers = sockets.map((_, index) => {
      const { topics, sessions } = others[index] ?? store
      const isDead = () => dead.has(index)
      const own = typeof options === 'function' ? options(index) : options
      return new RealtimeServer({
        topics: mortal(topics, isDead),
        sessions: mortal(sessions, isDead),
        onError: (error) => errors.push(error),
        ...own,
        ...mortalHandlers(own, isDead),
      })
    })
    const https = servers.map((server, index) => {
      const http = createServer((request, response) => {
        if (!page || !servePage(page, request, response)) response.writeHead(404).end()
      })
      http.on('connection', (socket: Socket) => {
        sockets[index]?.add(socket)
        socket.on('close', () => sockets[index]?.delete(socket))
      })
      server.attach(http)
      return http
    })
    const ports = await Promise.all(https.map((http) => listenOnLoopback(http)))
    return new RealtimeServers(store, servers, https, ports, sockets, dead, errors, others)
  }

  get ports(): readonly number[] {
    return this.urls.map((url) => Number(new URL(url).port))
  }

  url(index = 0): string {
    return this.urls[index % this.urls.length] ?? ''
  }

  server(index = 0): RealtimeServer {
    const server = this.servers[index]
    if (!server) throw new Error('There is no such server.')
    return server
  }

  /** Simulates a killed process: its sockets are reset, and nothing that it had begun continues. */
  kill(index: number): void {
    this.#dead.add(index)
    for (const socket of this.#sockets[index] ?? []) socket.resetAndDestroy()
    this.#https[index]?.close()
  }

  /** Simulates a graceful shutdown that ends the remaining sockets with FIN. */
  async leave(index: number, drainMs: number): Promise<void> {
    await this.server(index).close({ drainMs })
    this.#https[index]?.close()
    for (const socket of this.#sockets[index] ?? []) socket.end()
  }

  /** Simulates a graceful shutdown that destroys the remaining sockets. */
  async stop(index: number, drainMs: number): Promise<void> {
    await this.server(index).close({ drainMs })
    this.#https[index]?.close()
    for (const socket of this.#sockets[index] ?? []) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server, index) => this.#dead.has(index) || server.close({ drainMs: 0 })))
    for (const sockets of this.#sockets) for (const socket of sockets) socket.destroy()
    for (const http of this.#https) http.close()
    await Promise.all(this.#others.map((store) => store.close()))
  }
}

/** Handlers that do not start any more once the simulated process is dead. */
function mortalHandlers({ onSession, onMessage, onEnd, onRequest }: Handlers, isDead: () => boolean): Handlers {
  const never = new Promise(() => {})
  return {
    ...(onSession && { onSession: (session) => (isDead() ? never : onSession(session)) }),
    ...(onMessage && { onMessage: (session, message) => (isDead() ? never : onMessage(session, message)) }),
    ...(onRequest && { onRequest: (session, message) => (isDead() ? never : onRequest(session, message)) }),
    ...(onEnd && { onEnd: (session, ending) => (isDead() ? never : onEnd(session, ending)) }),
  }
}
