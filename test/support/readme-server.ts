import { once } from 'node:events'
import http, { type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Snippet } from './readme.ts'
import { runSnippet } from './readme-run.ts'

/** The server of docs/reference/any-server.md, on a free port, with simulated network faults. */
export interface ReadmeServer {
  readonly port: number
  readonly origin: string
  readonly url: string
  publish(text: string): Promise<void>
  /** Destroys every connection; the server keeps running. */
  cut(): void
  /** Whether upgrades are answered with 404, as by a server without WebSocket. */
  refuseUpgrades(isRefusing: boolean): void
  close(): void
}

export async function startReadmeServer(snippet: Snippet): Promise<ReadmeServer> {
  const sockets = new Set<Socket>()
  const servers: Server[] = []
  const createServer = (listener: RequestListener) => {
    const server = http.createServer(listener)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    servers.push(server)
    return server
  }
  const modules = {
    'node:events': await import('node:events'),
    'node:http': { createServer },
    ws: { WebSocketServer },
  }
  await runSnippet(snippet, modules, { process: { env: { PORT: '0' } } })
  const [server] = servers
  if (!server || servers.length > 1) throw new Error(`the documentation's server makes ${servers.length} HTTP servers`)
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const url = `${origin}/realtime`
  const upgrade = server.listeners('upgrade')[0] as (request: unknown, socket: Socket, head: unknown) => void
  const refuse = (_: unknown, socket: Socket) => void socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
  return {
    port,
    origin,
    url,
    async publish(text) {
      // On a connection of its own: kept-alive connections of fetch may have just been cut.
      const request = http.request(url, { method: 'POST', agent: false }).end(text)
      const [{ statusCode }] = await once(request, 'response')
      if (statusCode !== 204) throw new Error(`the documentation's server answered ${statusCode} to a POST`)
    },
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    refuseUpgrades(isRefusing) {
      server.removeAllListeners('upgrade')
      server.on('upgrade', isRefusing ? refuse : upgrade)
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
