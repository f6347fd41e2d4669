import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Connection, createServer as createService } from 'sockjs'
import { listenOnLoopback } from './loopback.ts'

export interface SockjsServer extends AsyncDisposable {
  readonly origin: string
  /** `http://127.0.0.1:port/echo` */
  readonly url: string
  /** The requests so far, as `POST /echo/…/xhr_send`, without their random parts. */
  readonly requests: readonly string[]
  /** The messages of clients, in order. */
  readonly received: readonly string[]
  /** How many connections were opened, and how many of them have closed. */
  readonly counts: { readonly opened: number; readonly closed: number }
  /** The highest number of POSTs that were being answered at once. */
  readonly maxPostsAtOnce: number
  /** Sends to all connections. */
  send(text: string): void
  /** Cuts all TCP connections, as when a cable is unplugged and plugged in again. */
  cut(): void
  /** Decides what happens to a request before the server gets it; `pass` unless this is set. */
  meddle: (
    request: IncomingMessage,
  ) => 'pass' | { readonly status: number; readonly afterMs?: number } | { readonly delayMs: number }
}

export interface SockjsServerOptions {
  readonly heartbeatMs?: number
  readonly disconnectDelayMs?: number
  readonly responseLimit?: number
  /** `refused`: the server supports it, but the network refuses it. @defaultValue 'served' */
  readonly webSocket?: 'served' | 'off' | 'refused'
  readonly baseUrl?: string
}

/** An unmodified sockjs-node that echoes; it answers `close <code> <reason>` by closing so, and `silence` not at all. */
export async function startSockjs(options: SockjsServerOptions = {}): Promise<SockjsServer> {
  const { heartbeatMs = 25_000, disconnectDelayMs = 5000, responseLimit = 131_072, webSocket = 'served', baseUrl } = options
  const connections = new Set<Connection>()
  const sockets = new Set<Socket>()
  const received: string[] = []
  const requests: string[] = []
  let [opened, closed, posts, maxPostsAtOnce] = [0, 0, 0, 0]
  const settings = {
    prefix: '/echo',
    log() {},
    heartbeat_delay: heartbeatMs,
    disconnect_delay: disconnectDelayMs,
    response_limit: responseLimit,
    websocket: webSocket !== 'off',
    ...(baseUrl !== undefined && { base_url: baseUrl }),
  }
  const service = createService(settings)
  service.on('connection', (connection) => {
    opened += 1
    connections.add(connection)
    connection.on('data', (text) => {
      received.push(text)
      const [word = '', code, ...reason] = text.split(' ')
      if (word === 'close') connection.close(Number(code), reason.join(' '))
      else if (word !== 'silence') connection.write(text)
    })
    connection.on('close', () => {
      closed += 1
      connections.delete(connection)
    })
  })
  const http = createServer()
  service.installHandlers(http)
  const listeners = http.listeners('request') as ((...given: unknown[]) => void)[]
  http.removeAllListeners('request')
  http.on('request', (request, response) => {
    const { method = '', url = '' } = request
    requests.push(`${method} ${url.replace(/\/\d{3}\/[^/]+\//, '/…/').replace(/\?.*/, '')}`)
    if (url.includes('xhr_send')) {
      posts += 1
      maxPostsAtOnce = Math.max(maxPostsAtOnce, posts)
      response.on('close', () => {
        posts -= 1
      })
    }
    const meddling = server.meddle(request)
    const pass = () => {
      for (const listener of listeners) listener.call(http, request, response)
    }
    if (meddling === 'pass') pass()
    else if ('delayMs' in meddling) setTimeout(pass, meddling.delayMs)
    else response.writeHead(meddling.status).end()
  })
  if (webSocket === 'refused') {
    http.removeAllListeners('upgrade')
    http.on('upgrade', (_, socket) => void socket.destroy())
  }
  http.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const port = await listenOnLoopback(http)
  const origin = `http://127.0.0.1:${port}`
  const server: SockjsServer = {
    origin,
    url: `${origin}/echo`,
    requests,
    received,
    get counts() {
      return { opened, closed }
    },
    get maxPostsAtOnce() {
      return maxPostsAtOnce
    },
    send(text) {
      for (const connection of connections) connection.write(text)
    },
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    meddle: () => 'pass',
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  return server
}
