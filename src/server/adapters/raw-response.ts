import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { CloseFrame } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'
import { problemOf } from './problem.ts'

/** How long it may take to send an answer, and its client to disconnect, in milliseconds. */
const lingerMs = 2000

/** An HTTP answer without Node's `ServerResponse`: to an upgrade, or to bytes that are not HTTP. */
export interface RawAnswer {
  readonly status: number
  readonly title: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string
}

const answered = new WeakSet<Duplex>()

/**
 * Answers and destroys the socket soon after, whether or not its client reads and disconnects; never throws. Ignores a socket
 * that it has answered before, and destroys one on which a response has begun at once: anything written there would become part
 * of that response.
 * @param after the host's timer
 */
export function answerAndDestroy(
  socket: Duplex,
  { status, title, headers = {}, body = '' }: RawAnswer,
  after: ServerHost['after'],
): void {
  if (answered.has(socket)) return
  answered.add(socket)
  // A reset of a socket without a listener for `error` ends the process.
  socket.on('error', () => {})
  if (!socket.writable || hasResponse(socket)) {
    socket.destroy()
    return
  }
  const fields = { Connection: 'close', 'Content-Length': Buffer.byteLength(body), ...headers }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`)
  // With unread bytes the kernel would reset the connection, and the client would lose the answer.
  socket.resume()
  const cancel = after(lingerMs, () => socket.destroy())
  socket.on('close', cancel)
}

/** The same, with a refusal of the protocol (rule 9). */
export function refuseAndDestroy(
  socket: Duplex,
  close: CloseFrame,
  after: ServerHost['after'],
  more: Readonly<Record<string, string>> = {},
): void {
  const { status, title, headers, body } = problemOf(close)
  answerAndDestroy(socket, { status, title, headers: { ...headers, ...more }, body }, after)
}

/** Node stores the current response of a socket in this property. */
function hasResponse(socket: Duplex): boolean {
  const response: unknown = Reflect.get(socket, '_httpMessage')
  return typeof response === 'object' && response !== null && Reflect.get(response, 'headersSent') === true
}
