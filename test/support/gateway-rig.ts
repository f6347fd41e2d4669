import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { type GatewayOptions, gateway } from '../../src/gateway/index.ts'
import type { SocketOptions } from '../../src/socket/index.ts'
import type { RealtimeServersOptions } from './realtime-servers.ts'
import type { TransportName } from './session-rig.ts'
import { type SocketBench, startSockets, type WatchedSocket } from './socket-rig.ts'

/** One connection of a test backend. */
export interface BackendConnection {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly received: (string | Buffer)[]
  /** Its close code and reason; `null` while it is open. */
  closed: { readonly code: number; readonly reason: string } | null
}

export interface TestBackend extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly connections: readonly BackendConnection[]
  /** The open TCP sockets, WebSockets or not. */
  readonly sockets: ReadonlySet<Socket>
  readonly http: Server
}

export interface BackendOptions {
  /** Called for each connection. @defaultValue it echoes */
  readonly onConnection?: (connection: BackendConnection) => void
  readonly handleProtocols?: (protocols: Set<string>) => string | false
  /** Answers a handshake in place of `ws`; returns whether it did. */
  readonly upgrade?: (request: IncomingMessage, socket: Socket) => boolean
  readonly autoPong?: boolean
}

/** A WebSocket server without steadfast. */
export async function startBackend(options: BackendOptions = {}): Promise<TestBackend> {
  const connections: BackendConnection[] = []
  const sockets = new Set<Socket>()
  const http = createServer((_, response) => response.writeHead(404).end())
  const own = new WebSocketServer({
    noServer: true,
    maxPayload: 64 * 1024 * 1024,
    ...(options.handleProtocols ? { handleProtocols: options.handleProtocols } : {}),
    autoPong: options.autoPong ?? true,
  })
  http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Ends the connection with its peer; an HTTP server would leave it half open.
    socket.on('end', () => socket.destroy())
  })
  http.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => {})
    if (options.upgrade?.(request, socket)) return
    own.handleUpgrade(request, socket, head, (webSocket) => {
      const connection: BackendConnection = { socket: webSocket, request, received: [], closed: null }
      connections.push(connection)
      webSocket.on('error', () => {})
      webSocket.on('message', (data: Buffer, isBinary) => {
        connection.received.push(isBinary ? data : data.toString())
        if (!options.onConnection) webSocket.send(data, { binary: isBinary })
      })
      webSocket.on('close', (code, reason) => {
        connection.closed = { code, reason: reason.toString() }
      })
      options.onConnection?.(connection)
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/backend`,
    port,
    connections,
    sockets,
    http,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

export interface GatewayBench extends AsyncDisposable {
  readonly backend: TestBackend
  readonly sockets: SocketBench
  socket(type: TransportName, protocols?: string | string[], options?: SocketOptions): WatchedSocket
}

/** A backend, a gateway to it behind a fault proxy, and sockets of pages. */
export async function startGateway(
  backendOptions: BackendOptions = {},
  options: Partial<GatewayOptions> = {},
  more: Omit<RealtimeServersOptions, 'options'> = {},
): Promise<GatewayBench> {
  const backend = await startBackend(backendOptions)
  const sockets = await startSockets(gateway({ target: backend.url, ...options }), more)
  return {
    backend,
    sockets,
    socket: (type, protocols, own) => sockets.socket(type, protocols, own),
    async [Symbol.asyncDispose]() {
      await sockets[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}
