import { Buffer } from 'node:buffer'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { CloseFrame } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'
import { problemOf } from './problem.ts'

/** How long it may take to send a short answer, in milliseconds. */
const closingMs = 5000
/** How long the socket of an answer may accept no data, in milliseconds (rule 6). */
const stuckMs = 30_000
/** How long the rest of a refused body is discarded, in milliseconds, so that the answer is not lost with the connection. */
const lingerMs = 1000
const pieceLength = 65_536

export function sendProblem(
  response: ServerResponse,
  after: ServerHost['after'],
  close: CloseFrame,
  more: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent || isGone(response)) return
  const { status, headers, body } = problemOf(close)
  response.writeHead(status, { ...headers, ...more })
  finish(response, after, body)
}

export function sendJson(
  response: ServerResponse,
  after: ServerHost['after'],
  value: object,
  more: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent || isGone(response)) return
  const body = JSON.stringify(value)
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
    ...more,
  })
  finish(response, after, body)
}

/** Whether an answer can no longer reach the client: the connection may be lost before Node reports it on the response. */
export function isGone(response: ServerResponse): boolean {
  const { destroyed, socket } = response
  // A response over HTTP/2 has no `destroyed`: its stream has.
  const stream: Pick<ServerResponse, 'destroyed'> | undefined = Reflect.get(response, 'stream')
  return destroyed || stream?.destroyed === true || socket?.destroyed === true
}

/** Ends an answer, and destroys it if its socket does not accept the rest in time. */
export function finish(response: ServerResponse, after: ServerHost['after'], last = ''): void {
  const cancel = after(closingMs, () => response.destroy())
  response.on('close', cancel)
  response.end(last)
}

/** Ends an answer with a long body, and destroys it if its socket accepts no data for a while. */
export function finishInPieces(response: ServerResponse, after: ServerHost['after'], body: Buffer): void {
  let at = 0
  let cancel = () => {}
  response.on('drain', go)
  response.on('close', () => cancel())
  go()

  function go(): void {
    cancel()
    cancel = after(stuckMs, () => response.destroy())
    while (at < body.length - pieceLength) {
      const piece = body.subarray(at, at + pieceLength)
      at += pieceLength
      if (!response.write(piece)) return
    }
    if (at <= body.length) response.end(body.subarray(at))
    at = Infinity
  }
}

/** Refuses a request whose body is still arriving, and closes the connection after the rest has arrived, or `lingerMs` later. */
function finishEarly(request: IncomingMessage, response: ServerResponse, after: ServerHost['after'], close: CloseFrame): void {
  if (response.headersSent || isGone(response)) return
  const { status, headers, body } = problemOf(close)
  // HTTP/2 has no such header, and its connection is shared.
  response.writeHead(status, request.httpVersionMajor > 1 ? headers : { ...headers, Connection: 'close' })
  // The answer's length marks its end; to end it now would close the socket with unread bytes, which resets the connection.
  response.write(body)
  request.resume()
  const cancel = after(lingerMs, end)
  request.on('end', end)
  response.on('close', cancel)

  function end(): void {
    cancel()
    finish(response, after)
    // On a shared connection only the rest of this request is refused.
    if (request.httpVersionMajor > 1 && !request.readableEnded) after(lingerMs, () => response.destroy())
  }
}

/** Refuses a request, whether or not its whole body has arrived. */
export function refuseRequest(
  request: IncomingMessage,
  response: ServerResponse,
  after: ServerHost['after'],
  close: CloseFrame,
): void {
  if (mayBring(request)) finishEarly(request, response, after, close)
  else sendProblem(response, after, close)
}

/** Whether data of a body may still arrive. */
function mayBring({ complete, headers, httpVersionMajor }: IncomingMessage): boolean {
  if (complete) return false
  return httpVersionMajor > 1 || Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
}
