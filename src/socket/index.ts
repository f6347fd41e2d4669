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

/** The shape of a socket if TypeScript's `lib` has no `WebSocket`. */
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

/** The type of the platform's `WebSocket` if TypeScript's `lib` has it. */
export type WebSocketClass = typeof globalThis extends { readonly WebSocket: infer Class }
  ? Class
  : new (
      url: string | URL,
      protocols?: string | string[],
    ) => SocketShape

/** The members of the `close` event of such a socket, in addition to those of every `CloseEvent`. */
export interface SocketCloseEvent {
  readonly type: 'close'
  /** The code with which the application closed it, on either side; 1005 if it gave none; 1006 if the session was lost. */
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  /** Why the session was lost; `null` if an application closed it. */
  readonly diagnosis: Diagnosis | null
}

/** A socket that reconnects. */
export interface ReconnectingSocketShape extends SocketShape {
  /** The number of retries since the socket was last open for `minUptime`. */
  readonly retryCount: number
  /** Closes the connection, if there is one, and connects again at once. */
  reconnect(code?: number, reason?: string): void
}

/**
 * The class of a socket that reconnects. The URL and the subprotocols may be functions, which are called before each connect and
 * may return promises.
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
 * Returns a class in the shape of `WebSocket`, for clients that take one. A socket runs over a session with `steadfast/server`,
 * on any transport; reconnects and changes of the transport do not show. It ends once and for good, with one `close`: with the
 * application's code that closed it, or with 1006 if the first connect fails, or the session or a message is lost;
 * `event.diagnosis` says why.
 *
 * @param options the options of the client below each socket
 * @throws TypeError for an invalid option
 * @example
 * const WebSocket = webSocketOver()
 * const socket = new WebSocket('wss://app.example/realtime', 'graphql-transport-ws')
 */
export function webSocketOver(options: SocketOptions = {}): WebSocketClass {
  return socketClass(checked(options, 'webSocketOver'), hostWith(options.host)) as unknown as WebSocketClass
}

/**
 * Returns a class in the shape of `reconnecting-websocket` and `partysocket`, over sockets of `webSocketOver()`: when one ends
 * otherwise than by `close()`, the class connects again, with another session. Messages that the server had not handled by then
 * are lost, as over a `WebSocket`; a connection that is lost before that is resumed by its session.
 *
 * @param options the options of the client below each socket
 * @throws TypeError for an invalid option
 * @example
 * const ReconnectingWebSocket = reconnectingSocketOver()
 * const socket = new ReconnectingWebSocket(() => `wss://app.example/realtime?room=${room}`, [], { maxRetries: 10 })
 */
export function reconnectingSocketOver(options: SocketOptions = {}): ReconnectingSocketClass {
  const host = hostWith(options.host)
  const Below = socketClass(checked(options, 'reconnectingSocketOver'), host)
  return reconnectingClass(Below as unknown as SocketConstructor, host) as unknown as ReconnectingSocketClass
}

/** @throws TypeError for options that no client accepts: thrown here, rather than by each socket */
function checked(options: SocketOptions, name: string): SocketOptions {
  if (typeof options !== 'object' || !options) throw new TypeError(`${name}: it takes an object of options.`)
  for (const [option, why] of Object.entries(left)) {
    if (option in options) throw new TypeError(`${name}: the option '${option}' is not supported here: ${why}.`)
  }
  // Checks the options; this client never connects.
  new RealtimeClient('http://localhost/', { ...options, autoConnect: false, protocol: socketProtocol([], () => {}) })
  return options
}
