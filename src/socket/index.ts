import type { RealtimeOptions } from '../api/options.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { hostWith } from '../host/browser.ts'
import { RealtimeClient } from '../index.ts'
import { socketClass } from './socket-class.ts'
import { socketProtocol } from './socket-session.ts'

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
  if (typeof options !== 'object' || !options) throw new TypeError('webSocketOver: it takes an object of options.')
  for (const [name, why] of Object.entries(left)) {
    if (name in options) throw new TypeError(`webSocketOver: the option '${name}' has no place here, since ${why}.`)
  }
  // A mistake in the options is told here and not by each socket; this client never connects.
  new RealtimeClient('http://localhost/', { ...options, autoConnect: false, protocol: socketProtocol([], () => {}) })
  return socketClass(options, hostWith(options.host)) as unknown as WebSocketClass
}
