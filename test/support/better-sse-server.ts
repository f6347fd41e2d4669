import { createServer, type Server } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { listenOnLoopback } from './loopback.ts'

export interface BetterSseServer extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port/events` */
  readonly url: string
  /** Sends to all and keeps for those who resume; returns the event's id. The data arrives as JSON. */
  publish(data: unknown, options?: { readonly name?: string }): string
  connections(): number
  /** Breaks all streams off, as a crash would; the server goes on. */
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
 * An event stream by the npm package better-sse, a server that nobody here wrote. Its events get ids of our own (it would
 * invent random ones) and replay is up to its user, so both are done here as its documentation shows.
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
