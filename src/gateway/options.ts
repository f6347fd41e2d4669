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

/** The options of a gateway, and all options of a `RealtimeServer` that the gateway does not set itself. */
export interface GatewayOptions<Who extends AnyPrincipal = Principal> extends Omit<RealtimeServerOptions<Who>, GatewayOwned> {
  /**
   * The backend's URL, `ws:` or `wss:`; or a function of the client's offer, called for each new session, that returns the URL,
   * or `null` to refuse the client with 4403. Of the client's own URL only the query is added (`forwardQuery`). The URL must have
   * no user name and no fragment, and redirects of the backend are not followed.
   */
  readonly target: string | URL | ((offer: SessionOffer<Who>) => string | URL | null | Promise<string | URL | null>)
  /**
   * The origins that `target()` may return, as `ws://10.0.0.1:9000`. Required where `target` is a function, since a client's
   * request must not choose an arbitrary server; a client for which it returns another origin is refused with 4403.
   * @defaultValue the origin of `target`
   */
  readonly allowedTargets?: readonly string[]
  /**
   * The headers of the client's request that are forwarded to the backend. Not allowed are hop-by-hop headers (`Connection`,
   * `Upgrade`, …), `Host`, `Sec-WebSocket-*`, `Content-*`, and those that the gateway writes: `X-Forwarded-For`,
   * `X-Forwarded-Proto`, `X-Forwarded-Host`.
   * @defaultValue authorization, cookie, origin, user-agent, accept-language
   */
  readonly forwardHeaders?: readonly string[]
  /**
   * More headers for the backend, which replace those of the client: the same for all sessions, or a function of the client's
   * offer, called for each new session.
   * @defaultValue none
   */
  readonly headers?: BackendHeaders | ((offer: SessionOffer<Who>) => BackendHeaders | Promise<BackendHeaders>)
  /**
   * Whether the query of the client's URL is forwarded to the backend: all of it, nothing, or the named parameters. A parameter
   * in the target's URL is never replaced, and `attempt`, a parameter of steadfast's protocol, is left out.
   * @defaultValue true
   */
  readonly forwardQuery?: boolean | readonly string[]
  /**
   * The time that a backend has to accept the connection, in milliseconds, including `target()` and `headers()`; after it the
   * client is refused with 4503.
   * @defaultValue 10,000
   */
  readonly connectTimeoutMs?: number
  /**
   * The interval of pings to the backend, in milliseconds; a backend that sends nothing until the next ping is disconnected.
   * `Infinity`: never.
   * @defaultValue 30,000
   */
  readonly pingMs?: number
  /**
   * The most bytes from a backend that may be unread by its client, each message counted with 64 more; beyond it the gateway
   * stops reading from the backend. It must be below what the store keeps for one session (`maxBytesPerStream`), with room for
   * one message.
   * @defaultValue 4,194,304 (4 MiB)
   */
  readonly maxUnreadBytes?: number
}
