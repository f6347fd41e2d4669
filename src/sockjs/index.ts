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
   * The interval of the server's heartbeats, in milliseconds: a connection over HTTP that receives nothing for this and 10 s more
   * counts as lost, and so does a WebSocket once it has received heartbeats. `Infinity` if the server sends none.
   * @defaultValue 25,000, as in sockjs-node and Spring
   */
  readonly heartbeatMs?: number
}

/**
 * Returns the option `protocol` for an unmodified SockJS server (sockjs-node, Spring's `withSockJS()`): WebSocket, then a stream,
 * then long-polling, with reconnects and diagnosis. Text only. A reconnect begins a new session: messages
 * sent meanwhile are lost.
 *
 * @throws TypeError for an invalid option
 * @example
 * const client = new RealtimeClient('/sockjs', { protocol: sockjs() })
 */
export function sockjs(options: SockjsOptions = {}): SockjsProtocol {
  const { heartbeatMs } = numbers('sockjs().', options, { heartbeatMs: 25_000 }, [])
  const protocol: SockjsProtocol & ModeProtocol = { name: 'sockjs', createMode: () => sockjsMode(heartbeatMs) }
  return protocol
}
