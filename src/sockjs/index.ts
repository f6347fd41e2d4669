import type { ModeProtocol } from '../api/mode.ts'
import type { SockjsProtocol } from '../api/options.ts'
import { numbers } from '../util/check-options.ts'
import { sockjsMode } from './mode.ts'

export type { SockjsProtocol } from '../api/options.ts'
export { SockJS, type SockJSCloseEvent, type SockJSMessageEvent } from './sockjs-class.ts'
export type { SockJSOptions, SockJSTransport } from './sockjs-options.ts'

/** The options of `sockjs()`. */
export interface SockjsOptions {
  /**
   * How often the server sends a heartbeat, in milliseconds: a connection over HTTP that brings nothing for 10 s longer counts as lost, and
   * so does a WebSocket on which heartbeats have come. `Infinity` for a server that sends none. @defaultValue 25,000, as sockjs-node and Spring have it
   */
  readonly heartbeatMs?: number
}

/**
 * A SockJS server as it is (sockjs-node, Spring's `withSockJS()`), for the option `protocol`: WebSocket, then a stream, then long-polling,
 * with reconnects and diagnosis. Texts only. A reconnect begins a new session: what the server sent meanwhile is lost.
 *
 * @throws TypeError for an option that is not what it may be
 * @example
 * const client = new RealtimeClient('/sockjs', { protocol: sockjs() })
 */
export function sockjs(options: SockjsOptions = {}): SockjsProtocol {
  const { heartbeatMs } = numbers('sockjs().', options, { heartbeatMs: 25_000 }, [])
  const protocol: SockjsProtocol & ModeProtocol = { name: 'sockjs', createMode: () => sockjsMode(heartbeatMs) }
  return protocol
}
