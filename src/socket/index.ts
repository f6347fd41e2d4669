import type { RealtimeOptions } from '../api/options.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { hostWith } from '../host/browser.ts'
import { RealtimeClient } from '../index.ts'
import { type Provided, reconnectingClass } from './reconnecting-socket.ts'
import type { ReconnectionOptions } from './reconnection.ts'
import { type SocketConstructor, socketClass } from './socket-class.ts'
import { socketProtocol } from './socket-session.ts'

export type { ReconnectionOptions } from './reconnection.ts'

/** The options of the client below each socket. */
export type SocketOptions = Omit<RealtimeOptions, 'protocol' | 'codec' | 'autoConnect' | 'signal'>

/** What a socket has where the compiler's libraries know no `WebSocket`. */
export interface SocketShape extends EventTarget {
  binaryType: 'blob' | 'arraybuffer'
  readonly bufferedAmount: number
  readonly extensions: string
  readonly protocol: string
  readonly readyState: number
  readonly url: string
  onopen: ((event: Event) => unknown) | null
  onmessage: ((event: Event & { readonly data: unknown }) => unknown) | null
  onerror: ((event: Event) => unknown) | null
  onclose: ((event: Event & SocketCloseEvent) => unknown) | null
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void
  close(code?: number, reason?: string): void
}

/** The platform's `WebSocket` as a type, where the compiler's libraries have it. */
export type WebSocketClass = typeof globalThis extends { readonly WebSocket: infer Class }
  ? Class
  : new (
      url: string | URL,
      protocols?: string | string[],
    ) => SocketShape

/** What `close` of such a socket brings, beside what every `CloseEvent` has. */
export interface SocketCloseEvent {
  readonly type: 'close'
  /** The code of the application that closed it, on either side; 1005 where that gave none; 1006 where the session was lost. */
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  /** Why it was lost; `null` where an application closed it. */
  readonly diagnosis: Diagnosis | null
}

/** A socket that connects again. */
export interface ReconnectingSocketShape extends SocketShape {
  /** How many retries there were since it was open for `minUptime`. */
  readonly retryCount: number
  /** Closes the connection, if there is one, and connects anew at once. */
  reconnect(code?: number, reason?: string): void
}

/**
 * The class of a socket that connects again. The URL and the subprotocols may be functions, which are called before each connect and may
 * return promises.
 */
export type ReconnectingSocketClass = new (
  url: Provided<string | URL>,
  protocols?: Provided<string | readonly string[] | null | undefined>,
  options?: ReconnectionOptions,
) => ReconnectingSocketShape

const left = {
  protocol: 'a socket always speaks steadfast.v1',
  codec: 'a socket carries text and bytes',
  autoConnect: 'a socket always connects',
  signal: 'a socket is closed by its close()',
}

/**
 * A class in the shape of `WebSocket`, for clients that take one: a socket over a session with `steadfast/server`, on any transport.
 * Reconnects and changes of the transport do not show. It ends once and for good, with one `close`: with the code of the application that
 * closed it, or with 1006 when the first connect fails, the session is lost, or a message is; `event.diagnosis` says why.
 *
 * @param options those of the client below each socket
 * @throws TypeError for an option that is not what it may be
 * @example
 * const WebSocket = webSocketOver()
 * const socket = new WebSocket('wss://app.example/realtime', 'graphql-transport-ws')
 */
export function webSocketOver(options: SocketOptions = {}): WebSocketClass {
  return socketClass(checked(options, 'webSocketOver'), hostWith(options.host)) as unknown as WebSocketClass
}

/**
 * A class in the shape of `reconnecting-websocket` and `partysocket`, over sockets as `webSocketOver()` makes them: where one has ended
 * otherwise than by `close()`, it connects anew, with another session. What was sent while it was open and has not been
 * handled by then is lost, as over a `WebSocket`; the sessions below see to the losses of connections before that.
 *
 * @param options those of the client below each socket
 * @throws TypeError for an option that is not what it may be
 * @example
 * const ReconnectingWebSocket = reconnectingSocketOver()
 * const socket = new ReconnectingWebSocket(() => `wss://app.example/realtime?room=${room}`, [], { maxRetries: 10 })
 */
export function reconnectingSocketOver(options: SocketOptions = {}): ReconnectingSocketClass {
  const host = hostWith(options.host)
  const Below = socketClass(checked(options, 'reconnectingSocketOver'), host)
  return reconnectingClass(Below as unknown as SocketConstructor, host) as unknown as ReconnectingSocketClass
}

/** @throws TypeError for options with which no client can be made: told here and not by each socket */
function checked(options: SocketOptions, name: string): SocketOptions {
  if (typeof options !== 'object' || !options) throw new TypeError(`${name}: it takes an object of options.`)
  for (const [option, why] of Object.entries(left)) {
    if (option in options) throw new TypeError(`${name}: the option '${option}' has no place here, since ${why}.`)
  }
  // This client never connects.
  new RealtimeClient('http://localhost/', { ...options, autoConnect: false, protocol: socketProtocol([], () => {}) })
  return options
}
