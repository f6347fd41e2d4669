import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { codes } from '../protocols/wire.ts'
import { problemOf } from './problem.ts'

/** What is mounted. */
export interface Mounted {
  readonly path: string
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

type Listener = (...parameters: unknown[]) => void

/** Takes one path of a server over, and leaves the rest to those who listen already. Returns the way back. */
export function mount(server: Server | SecureServer, { path, request, upgrade }: Mounted): () => void {
  const others = server.listeners('request') as Listener[]
  const onRequest = (asked: IncomingMessage, response: ServerResponse) => {
    if (isAt(asked, path)) request(asked, response)
    else if (others.length > 0) for (const listener of others) Reflect.apply(listener, server, [asked, response])
    else response.writeHead(404).end()
  }
  const onUpgrade = (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isAt(asked, path)) upgrade(asked, socket, head)
    // Nobody else is there to answer it.
    else if (server.listenerCount('upgrade') === 1) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
  }
  const complainers = server.listeners('clientError') as Listener[]
  server.removeAllListeners('request')
  server.removeAllListeners('clientError')
  server.on('request', onRequest)
  server.on('upgrade', onUpgrade)
  server.on('clientError', onClientError)
  return () => {
    // Without any listener a request would wait for ever; ours goes on to say that there is nobody.
    if (others.length > 0) server.off('request', onRequest)
    server.off('upgrade', onUpgrade)
    server.off('clientError', onClientError)
    for (const listener of others) server.on('request', listener)
    for (const listener of complainers) server.on('clientError', listener)
  }
}

function isAt({ url = '' }: IncomingMessage, path: string): boolean {
  const end = url.indexOf('?')
  return (end < 0 ? url : url.slice(0, end)) === path
}

/** Node would answer 408, which browsers take as an invitation to send once more, or 431, which says nothing to a client. */
function onClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const { status, headers, body } = problemOf(
    isTooLarge
      ? { code: codes.tooLarge, reason: 'the headers are too large' }
      : isSlow
        ? { code: codes.silent, reason: 'the request came too slowly' }
        : { code: codes.protocolError, reason: 'no HTTP that could be read' },
  )
  const lines = Object.entries({ ...headers, 'Access-Control-Allow-Origin': '*' }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${JSON.parse(body).title}\r\nConnection: close\r\n${lines.join('')}\r\n${body}`)
}
