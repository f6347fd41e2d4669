import type { RealtimeServerOptions } from '../server/options.ts'
import type { AnyPrincipal, Principal } from '../server/session/session-handle.ts'
import type { SessionOffer } from '../server/session-offer.ts'

/** Headers of a request, by name. */
export type BackendHeaders = Readonly<Record<string, string | readonly string[]>>

/** The options of a `RealtimeServer` that a gateway sets itself. */
export type GatewayOwned =
  | 'acceptSession'
  | 'pinSessions'
  | 'selectProtocol'
  | 'onSession'
  | 'onMessage'
  | 'onEnd'
  | 'onClose'
  | 'codec'

/** The options of a gateway: where its backend is and what that is told, beside all options of a `RealtimeServer` that it does not set. */
export interface GatewayOptions<Who extends AnyPrincipal = Principal> extends Omit<RealtimeServerOptions<Who>, GatewayOwned> {
  /**
   * The backend's URL, `ws:` or `wss:`. Or a function of the client's offer, called for each new session, which returns it, or `null` for a
   * client that gets none (it is refused with 4403). Nothing of the client's own URL is added but its query (`forwardQuery`). A URL has no
   * user name and no fragment, and redirects of the backend are not followed.
   */
  readonly target: string | URL | ((offer: SessionOffer<Who>) => string | URL | null | Promise<string | URL | null>)
  /**
   * The origins to which `target()` may lead, as `ws://10.0.0.1:9000`. Required where `target` is a function, since what it makes of a
   * request must not lead everywhere; a client for which it names another one is refused with 4403.
   * @defaultValue the origin of `target`
   */
  readonly allowedTargets?: readonly string[]
  /**
   * The headers of the client's request that the backend gets. Not allowed are those of one connection (`Connection`, `Upgrade`, …), `Host`,
   * `Sec-WebSocket-*`, `Content-*`, and those that the gateway writes itself: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`.
   * @defaultValue authorization, cookie, origin, user-agent, accept-language
   */
  readonly forwardHeaders?: readonly string[]
  /**
   * More headers for the backend, which replace those of the client: the same for all sessions, or a function of the client's offer, called
   * for each new session.
   * @defaultValue none
   */
  readonly headers?: BackendHeaders | ((offer: SessionOffer<Who>) => BackendHeaders | Promise<BackendHeaders>)
  /**
   * Whether the backend gets the query of the client's URL: all of it, nothing, or the named parameters. A parameter that is in the URL of
   * the target stays as it is there, and `attempt`, which is this protocol's, is left out.
   * @defaultValue true
   */
  readonly forwardQuery?: boolean | readonly string[]
  /**
   * How long it may take until the backend has accepted the connection, in milliseconds, `target()` and `headers()` included; then the
   * client is refused with 4503.
   * @defaultValue 10,000
   */
  readonly connectTimeoutMs?: number
  /**
   * How often the backend is pinged, in milliseconds; a backend that has said nothing until the next ping is given up. `Infinity` for never.
   * @defaultValue 30,000
   */
  readonly pingMs?: number
  /**
   * How much of what the backend has sent to one client may be unread, in bytes, each message counted with 64 more: beyond it the gateway
   * stops to read from the backend. It must stay below what the store keeps for one session (`maxBytesPerStream`), with room for one message.
   * @defaultValue 4,194,304 (4 MiB)
   */
  readonly maxUnreadBytes?: number
}
