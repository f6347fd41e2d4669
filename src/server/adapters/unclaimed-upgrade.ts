import type { Duplex } from 'node:stream'
import type { ServerHost } from '../node/host.ts'
import { answerAndDestroy } from './raw-response.ts'

/**
 * How long other listeners have to accept an upgrade before it is answered as unclaimed, in milliseconds: as long as Node gives a
 * request by default (`headersTimeout`), since one that authenticates first, or waits for a backend, may leave no trace for many
 * seconds. Without an answer the socket would stay open for ever, since Node's timeouts no longer apply to it.
 */
const unclaimedMs = 60_000

export const notFound = { status: 404, title: 'Not Found' }

/** Answers an upgrade that all listeners ignore; one that accepts it listens or writes to the socket. */
export function endUnclaimed(socket: Duplex, after: ServerHost['after']): void {
  const cancel = after(unclaimedMs, () => {
    if (tracesOf(socket) === before) answerAndDestroy(socket, notFound, after)
    socket.off('close', cancel)
  })
  socket.on('close', cancel)
  const before = tracesOf(socket)
}

/** The state of a socket that changes once a listener accepts it. */
function tracesOf(socket: Duplex): string {
  const listeners = socket.eventNames().map((name) => `${String(name)} ${socket.listenerCount(name)}`)
  return [
    Reflect.get(socket, 'bytesWritten'),
    socket.readableFlowing,
    socket.writableEnded,
    socket.destroyed,
    ...listeners,
  ].join()
}
