import type { IncomingMessage, ServerResponse } from 'node:http'

/** An object with an idle timeout of its own: a socket, or the session of an HTTP/2 connection. */
interface Timed {
  readonly timeout?: number | undefined
  setTimeout(timeoutMs: number): unknown
}

interface Held {
  answers: number
  readonly timeoutMs: number
}

/**
 * Keeps Node's timeout of idle sockets (`server.timeout`) from ending a held answer, which is silent on purpose and has limits of
 * its own. A connection that is kept alive afterwards gets its timeout back.
 */
export class HeldSockets {
  readonly #held = new WeakMap<Timed, Held>()

  hold(request: IncomingMessage, response: ServerResponse): void {
    const timed = timedOf(request, response)
    if (!timed) return
    const held = this.#held.get(timed) ?? { answers: 0, timeoutMs: timed.timeout ?? 0 }
    held.answers += 1
    this.#held.set(timed, held)
    if (timed.timeout) timed.setTimeout(0)
    response.once('close', () => {
      held.answers -= 1
      if (held.answers > 0) return
      this.#held.delete(timed)
      // Node may have set the timeout for a connection that waits for its next request.
      if (held.timeoutMs > 0 && !timed.timeout) timed.setTimeout(held.timeoutMs)
    })
  }
}

function timedOf({ httpVersionMajor, socket }: IncomingMessage, response: ServerResponse): Timed | null {
  if (httpVersionMajor < 2) return typeof socket?.setTimeout === 'function' ? socket : null
  const stream: unknown = Reflect.get(response, 'stream')
  const session: unknown = typeof stream === 'object' && stream !== null ? Reflect.get(stream, 'session') : null
  return isTimed(session) ? session : null
}

function isTimed(value: unknown): value is Timed {
  return typeof value === 'object' && value !== null && 'setTimeout' in value
}
