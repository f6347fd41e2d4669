import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Header fields that only an upgrade has. */
const upgrading = /^(upgrade|http2-settings)$/i

/** Whether a request asks for a WebSocket. Other protocols (h2c, from curl and Java's client) are only offers. */
export function wantsWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? '')
}

/**
 * Serves a request as if it had offered no upgrade, which a server may always do (RFC 9110 §7.8). Node has already detached its
 * parser from the socket: the request is put back as it arrived, without the offer, and the server parses it again.
 */
export function serveWithoutUpgrade(server: EventEmitter, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (socket.destroyed) return
  ignoreErrors(socket)
  // An earlier request on this connection has not been answered yet.
  const answering: unknown = Reflect.get(socket, '_httpMessage')
  if (answering instanceof EventEmitter) {
    answering.once('close', () => serveWithoutUpgrade(server, request, socket, head))
    return
  }
  const isTls = Reflect.get(socket, 'encrypted') === true
  const event = isTls ? 'secureConnection' : 'connection'
  // The new parser does not manage the socket's timeout of an idle connection.
  const setTimeout: unknown = Reflect.get(socket, 'setTimeout')
  if (typeof setTimeout === 'function') Reflect.apply(setTimeout, socket, [0])
  socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), head]))
  // Calls only Node's own listener, if it can be identified: for the application this is no new connection.
  const own = server.listeners(event).find(({ name }) => name === 'connectionListener')
  if (own) Reflect.apply(own, server, [socket])
  else server.emit(event, socket)
}

/** Without a listener for errors, a reset of the socket ends the process. */
export function ignoreErrors(socket: Duplex): void {
  // The socket may have been passed here before.
  if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
}

function ignore(): void {}

function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    if (upgrading.test(name)) continue
    const isConnection = /^connection$/i.test(name)
    const kept = isConnection ? connectionWithout(value) : value
    if (!isConnection || kept !== '') lines.push(`${name}: ${kept.replace(/[\r\n]/g, ' ')}\r\n`)
  }
  return `${method} ${url} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`
}

function connectionWithout(value: string): string {
  return value
    .split(',')
    .map((option) => option.trim())
    .filter((option) => option !== '' && !upgrading.test(option))
    .join(', ')
}
