import { createServer, type Server } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { listenOnLoopback } from './loopback.ts'

export interface BetterSseServer extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port/events` */
  readonly url: string
  /** Sends an event to all clients and keeps it for those that resume; returns its id. The data arrives as JSON. */
  publish(data: unknown, options?: { readonly name?: string }): string
  connections(): number
  /** Destroys all streams, as a crash would; the server keeps running. */
  killAll(): void
  close(): Promise<void>
}

export interface BetterSseOptions {
  /** The event stream's `retry:`. Default: better-sse's own, 2,000. */
  readonly retryMs?: number
  /** How often a comment is sent. Default: better-sse's own, 10,000. */
  readonly keepAliveMs?: number
  /** Serves what is not `/events`, e.g. a page on the same origin. */
  readonly otherwise?: Parameters<typeof createServer>[1]
}

/**
 * An event stream of the npm package better-sse, a third-party server. It leaves replay to its user and would give events
 * random ids, so this server sets ids and replays events as the documentation of better-sse shows.
 */
export async function startBetterSse({ retryMs, keepAliveMs, otherwise }: BetterSseOptions = {}): Promise<BetterSseServer> {
  const history: { readonly data: unknown; readonly name: string; readonly id: string }[] = []
  const channel = createChannel()

  const http: Server = createServer(async (request, response) => {
    if (!request.url?.startsWith('/events')) {
      if (otherwise !== undefined) otherwise(request, response)
      else response.writeHead(404).end()
      return
    }
    const session = await createSession(request, response, {
      ...(retryMs === undefined ? {} : { retry: retryMs }),
      ...(keepAliveMs === undefined ? {} : { keepAlive: keepAliveMs }),
    })
    const missed = session.lastId === '' ? [] : history.slice(Number(session.lastId))
    for (const { data, name, id } of missed) session.push(data, name, id)
    channel.register(session)
  })
  const port = await listenOnLoopback(http)

  const server: BetterSseServer = {
    port,
    url: `http://127.0.0.1:${port}/events`,
    publish(data, { name = 'message' } = {}) {
      const id = String(history.length + 1)
      history.push({ data, name, id })
      channel.broadcast(data, name, { eventId: id })
      return id
    },
    connections: () => channel.sessionCount,
    killAll: () => http.closeAllConnections(),
    async close() {
      http.close()
      http.closeAllConnections()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
  return server
}
