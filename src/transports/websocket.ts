import type { Report } from '../api/evidence.ts'
import type { WebSocketLike } from '../api/host.ts'
import type { Payload } from '../api/protocol.ts'
import type { Call, Link, Listener, Transport, Writable } from '../api/transport.ts'
import { reportOf } from './failure.ts'
import { addressOf } from './request-url.ts'

/** How long to wait for `close` after `error`, in milliseconds: for some of their own refusals browsers fire only `error`. */
const closeAfterErrorMs = 50

/** The transport over the browser's `WebSocket` (RFC 6455). */
export function websocket(): Transport {
  return {
    type: 'websocket',
    canPing: true,
    dial: (call, listener) =>
      dialSocket(call, listener, {
        address: () => addressOf(call, 'websocket'),
        opened: listener.opened,
        took(data) {
          for (const message of call.protocol.readFrame(data)) listener.received(message)
        },
        closed: (code, reason, wasClean) => ({ kind: 'closed', code, reason, wasClean }),
      }),
  }
}

/** The callbacks of a socket. If `opened` or `took` throws, the attempt fails. */
export interface Conversation {
  address(): { readonly address: URL; readonly subprotocols: readonly string[] }
  opened(roundTripMs: number, socket: WebSocketLike): void
  took(data: Payload): void
  closed(code: number, reason: string, wasClean: boolean): Extract<Report, { kind: 'closed' }>
}

/** A link that writes to its socket at once and learns no outcome. */
export interface SocketLink extends Link {
  write(data: Writable): undefined
}

/** Dials a socket and calls back until either side closes it. */
export function dialSocket(call: Call, listener: Listener, { address, opened, took, closed }: Conversation): SocketLink {
  const { host, signal } = call
  const since = host.now()
  let cancelTimer = () => {}
  let socket: WebSocketLike | undefined
  let hasErred = false
  try {
    socket = make(call, address())
  } catch (error) {
    // The constructor throws for mixed content and, in some browsers, for a Content-Security-Policy.
    failSoon(reportOf(error, 'blocked'))
  }
  signal.addEventListener('abort', detach, { once: true })
  if (socket) {
    const made = socket
    socket.binaryType = 'arraybuffer'
    // The TCP handshake and the upgrade take one round trip each; TLS 1.3 takes one more.
    socket.onopen = () => orFail(() => opened((host.now() - since) / (call.url.protocol === 'https:' ? 3 : 2), made))
    socket.onmessage = ({ data }) => {
      listener.heard()
      orFail(() => took(data))
    }
    socket.onerror = () => {
      hasErred = true
      failSoon({ kind: 'blocked', detail: 'an error and no close', how: 'mute' }, closeAfterErrorMs)
    }
    socket.onclose = ({ code, reason, wasClean }) => fail({ ...closed(code, reason, wasClean), hasErred })
  } else if (!host.WebSocket) failSoon({ kind: 'unsupported', detail: 'WebSocket' })
  return {
    write(data) {
      socket?.send(data)
      return undefined
    },
    bufferedBytes: () => socket?.bufferedAmount ?? 0,
    close: (code = 1000, reason) => socket?.close(code, reason),
  }

  function orFail(run: () => void) {
    try {
      run()
    } catch (error) {
      fail(reportOf(error, 'broken'))
    }
  }

  function failSoon(report: Report, delayMs = 0) {
    cancelTimer()
    cancelTimer = host.after(delayMs, () => fail(report))
  }

  function fail(report: Report) {
    detach()
    listener.failed(report)
  }

  /** Does not wait for the server's Close frame: the browser finishes the close handshake. */
  function detach() {
    cancelTimer()
    signal.removeEventListener('abort', detach)
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    // In some implementations closing a connecting socket raises an error, which ends a Node process if it has no listener.
    socket.onerror = () => {}
    socket.close()
  }
}

function make(call: Call, { address, subprotocols }: ReturnType<Conversation['address']>): WebSocketLike | undefined {
  address.protocol = address.protocol.replace('http', 'ws')
  const { WebSocket } = call.host
  return WebSocket && (new WebSocket(address.href, [...subprotocols]) as WebSocketLike)
}
