import type { RealtimeServerOptions } from '../server/options.ts'
import type { AnyPrincipal, Principal } from '../server/session/session-handle.ts'
import { Backends } from './backends.ts'
import type { GatewayOptions } from './options.ts'
import { gatewaySettings, serverOptions } from './settings.ts'

export type { BackendHeaders, GatewayOptions, GatewayOwned } from './options.ts'

/**
 * Returns the options of a `RealtimeServer` that is a gateway: each socket of `webSocketOver()` becomes one WebSocket to a
 * backend that knows nothing of steadfast. The page's socket opens when the backend has accepted it, with the backend's
 * subprotocol; text and bytes pass unchanged; and each side ends with the other's close code and reason. If one side stops
 * reading, the gateway stops reading from the other.
 *
 * Needs the package `ws`. A session's backend is connected to the node on which the session was created; the other nodes forward
 * to it (`pinSessions`).
 * @throws TypeError for an invalid option, and for an option of the server that the gateway sets itself
 * @example
 * const realtime = new RealtimeServer(gateway({ target: 'ws://127.0.0.1:9000', origins: ['https://app.example'] }))
 * realtime.attach(createServer().listen(8080))
 */
export function gateway<Who extends AnyPrincipal = Principal>(options: GatewayOptions<Who>): RealtimeServerOptions<Who> {
  const settings = gatewaySettings(options)
  const backends = new Backends(settings)
  return {
    ...serverOptions(options, settings),
    pinSessions: true,
    acceptSession: (offer) => backends.accept(offer),
    onSession: (session) => backends.begun(session),
    onMessage: (session, message) => backends.received(session, message),
    onEnd: (session, ending) => backends.ended(session, ending),
    onClose: () => backends.close(),
  }
}
