import type { Report } from '../diagnosis/evidence.ts'
import type { WebSocketLike } from '../host/host.ts'
import { addressOf } from './address.ts'
import { reportOf } from './failure.ts'
import type { Call, Link, Listener, Transport } from './transport.ts'

/** How long an `error` may stand without its `close`: of some of their own refusals browsers report the one and never the other. */
const closeAfterErrorMs = 50

/** The browser's WebSocket (RFC 6455). */
export function websocket(): Transport {
  return { type: 'websocket', canPing: true, dial }
}

function dial(call: Call, listener: Listener): Link {
  const { host, signal, protocol } = call
  const since = host.now()
  let cancelTimer = () => {}
  let socket: WebSocketLike | undefined
  try {
    socket = make(call)
  } catch (error) {
    // Mixed content and, in some browsers, a Content-Security-Policy.
    failSoon(reportOf(error, 'blocked'))
  }
  signal.addEventListener('abort', detach, { once: true })
  if (socket) {
    socket.binaryType = 'arraybuffer'
    // A TCP handshake and the upgrade; TLS 1.3 takes one round trip more.
    socket.onopen = () => listener.opened((host.now() - since) / (call.url.protocol === 'https:' ? 3 : 2))
    socket.onmessage = ({ data }) => {
      listener.heard()
      for (const message of protocol.readFrame(data)) listener.received(message)
    }
    socket.onerror = () => failSoon({ kind: 'blocked', detail: 'an error and no close' }, closeAfterErrorMs)
    socket.onclose = ({ code, reason, wasClean }) => fail({ kind: 'closed', code, reason, wasClean })
  } else if (!host.WebSocket) failSoon({ kind: 'unsupported', detail: 'WebSocket' })
  return {
    write(data) {
      socket?.send(data)
      return undefined
    },
    bufferedBytes: () => socket?.bufferedAmount ?? 0,
    close: (code = 1000, reason) => socket?.close(code, reason),
  }

  function failSoon(report: Report, delayMs = 0) {
    cancelTimer()
    cancelTimer = host.after(delayMs, () => fail(report))
  }

  function fail(report: Report) {
    detach()
    listener.failed(report)
  }

  /** Hanging up does not wait for the Close frame to come back: the orphaned socket is the browser's business. */
  function detach() {
    cancelTimer()
    signal.removeEventListener('abort', detach)
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    // Closing it while it connects is an error to some implementations; one that nobody listens to ends a Node process.
    socket.onerror = () => {}
    socket.close()
  }
}

function make(call: Call): WebSocketLike | undefined {
  const { address, subprotocols } = addressOf(call, 'websocket')
  address.protocol = address.protocol.replace('http', 'ws')
  const { WebSocket } = call.host
  return WebSocket && (new WebSocket(address.href, [...subprotocols]) as WebSocketLike)
}
