import type { IncomingMessage } from 'node:http'
import type { TrustProxyOption } from './adapters/client-address.ts'
import type { OriginsOption } from './adapters/origin-patterns.ts'
import type { Handlers } from './handlers.ts'
import type { Limits } from './limits.ts'
import type { ServerHost } from './node/host.ts'
import type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session/session-handle.ts'
import type { SessionAnswer, SessionOffer } from './session-offer.ts'
import type { SessionStore, TopicLog } from './store/ports.ts'
import type { TopicKeep } from './topic-keep.ts'

/** The options of a `RealtimeServer`. */
export interface RealtimeServerOptions<
  Who extends AnyPrincipal = Principal,
  Data = unknown,
  In = string | ArrayBuffer,
  Out = Sendable,
> extends Handlers<Who, Data, In, Out> {
  /** The path that `attach(httpServer)` serves. @defaultValue '/realtime' */
  readonly path?: string
  /**
   * Returns the principal of the client that sent a request, from the request (its cookies) and from what the client's `prepare()`
   * returned as `auth`; `null` if the client is not authenticated. Called for every attachment and every POST, and again for open
   * connections when `reauthenticateMs` has passed or the principal's `expiresAt` is near. If it returns `null` for a client that was
   * authenticated before, that client's open attachments end with 4401. Without this option all clients have the same anonymous
   * principal.
   */
  readonly authenticate?: (request: IncomingMessage, auth: unknown) => Who | null | Promise<Who | null>
  /**
   * Chooses the subprotocol of a client of `steadfast/socket` that offers some, as `handleProtocols` of `ws` does: it gets what the client
   * offers, the best first, and the request, and returns one of these; with anything else the client is refused. Called for the first
   * attachments of a session, whose `protocol` the result is.
   * @defaultValue the first that the client offers
   */
  readonly selectProtocol?: (protocols: readonly string[], request: IncomingMessage) => string | null | undefined
  /**
   * Asked once before a new session is created, on the node that creates it, with the client's offer; not for a client that comes back to
   * its session, nor for a POST. Returns the subprotocol that it chooses from `offer.protocols`, in the place of `selectProtocol`; `null`
   * or nothing for none (a client that offers some is then refused with 4410); or why there is no session, `{ code, reason }`. The client
   * waits for its promise, for `limits.authenticateTimeoutMs` at most; a client for which it throws, or takes longer, is refused with 4500,
   * and the error is reported. `onSession` follows once the session is in the store; `offer.signal` is aborted where it does not follow.
   * @defaultValue every client that is authenticated gets a session
   */
  readonly acceptSession?: (offer: SessionOffer<Who>) => SessionAnswer | void | Promise<SessionAnswer> | Promise<void>
  /**
   * How long an open WebSocket or event stream is trusted after `authenticate`, in milliseconds. Then the client is asked for fresh
   * credentials (its `prepare()`) and `authenticate` is called again, while the connection stays open; if the client sends none in time,
   * or they are refused, its attachment ends with 4401. Polls send their credentials with each request.
   * @defaultValue Infinity: only the principal's `expiresAt` counts
   */
  readonly reauthenticateMs?: number
  /**
   * Origins whose pages may connect, in addition to the server's own, in any scheme: `'https://app.example'`, `'capacitor://localhost'`;
   * `'https://*.app.example'` for its subdomains at any depth, not for `https://app.example` itself; `'chrome-extension:'` for all of a scheme
   * other than http and https. Or a function of the origin and the
   * request, in the list or instead of it: only `true` (or a promise of it) allows the page; a function that throws is reported and
   * allows nothing. No function is called for the origin `null`. Browsers attach cookies to the requests of any page: a list that is too
   * permissive is a security hole.
   * @defaultValue none
   */
  readonly origins?: OriginsOption
  /**
   * The server's own origins as browsers see them, such as `'https://app.example:8443'`. Needed where a proxy in front replaces the
   * `Host` header and the browser sends no `Sec-Fetch-Site`: otherwise the server does not recognise its own pages.
   * @defaultValue none: the request's `Host` is compared
   */
  readonly publicOrigins?: readonly string[]
  /**
   * Which peers' forwarding headers (`X-Forwarded-For`, `-Host`, `-Proto`, `-Port`, or `Forwarded`) are trusted, as in Express: `true`
   * for all peers', the number of proxies in front, addresses and subnets (`'loopback'`, `'linklocal'`, `'uniquelocal'`, `'10.0.0.0/8'`),
   * or a function of an address and its distance. The headers determine the client's address and the server's own origin. A trusted peer
   * can claim any address: list only your own proxies.
   * @defaultValue false: nobody's, since a client can send them too
   */
  readonly trustProxy?: TrustProxyOption
  /**
   * Decodes clients' messages into the application's values, and encodes the values that are sent.
   * @defaultValue none: strings and bytes
   */
  readonly codec?: ServerCodec<In, Out>
  /** Limits on what clients may use; each has a default. */
  readonly limits?: Partial<Limits>
  /** Where topics are kept. @defaultValue those of a `memoryStore()` of its own */
  readonly topics?: TopicLog
  /** Where sessions are kept. Must be given together with `topics`. @defaultValue those of the same `memoryStore()` */
  readonly sessions?: SessionStore
  /**
   * How long a call of `topics` or `sessions` may take, in milliseconds; then it counts as failed, and what it was for is tried again or
   * refused with 4503. A `memoryStore` answers at once.
   * @defaultValue 5,000
   */
  readonly storeTimeoutMs?: number
  /**
   * How much of a topic is kept, where that is less than the store keeps: the same for all topics, or a function of the topic's name.
   * @defaultValue as much as the store keeps
   */
  readonly keep?: TopicKeep | ((topic: string) => TopicKeep | undefined)
  /**
   * What others see of a session that is subscribed to a topic: a JSON value of at most 1,024 bytes, or `undefined` if they see nothing.
   * With this option `server.presence(topic)` lists the members of a topic, and whoever is subscribed to `presence:<topic>` receives
   * `{ type: 'join' | 'leave', id, info }` for each that comes or goes, as JSON (or as the `codec` encodes it). Called when a session joins.
   * @defaultValue no presence
   */
  readonly presence?: (session: Session<Who, Data, Out>, topic: string) => unknown
  /**
   * How long a member whose node has died stays in a topic at the most, in milliseconds; one whose client alone is gone leaves after half of
   * it. A client that has come back meanwhile, to whatever node, has not left.
   * @defaultValue 10,000
   */
  readonly presenceTimeoutMs?: number
  /** The longest silence of an attachment, in milliseconds; set it below the shortest idle timeout of your proxies. @defaultValue 25,000 */
  readonly heartbeatMs?: number
  /** How long a session outlives its last attachment, in milliseconds. @defaultValue 120,000 */
  readonly resumeWindowMs?: number
  /**
   * How long a node is presumed alive after it last renewed its lease, in milliseconds: if it dies inside a handler, the message is
   * handled again after that time. Set it above the longest pause of your processes and the difference of their clocks.
   * @defaultValue 10,000
   */
  readonly leaseMs?: number
  /**
   * Whether each session stays on the node that ran its `onSession`: all its messages are handled there, and `onEnd` too, whichever node
   * its client reaches. For applications that keep in the memory of a node what belongs to a session (a connection to a backend). If that
   * node dies or closes, the session ends: with 4410, or with 1012 for a client of `steadfast/socket`. All nodes of a store need the same
   * value.
   * @defaultValue false: any node handles messages, and a session outlives each of them
   */
  readonly pinSessions?: boolean
  /**
   * Returns the client's address, for the limit per address; `undefined` if it is unknown. For proxies that send a header other than
   * those that `trustProxy` supports.
   * @defaultValue the nearest address that `trustProxy` does not name, unless it is this machine
   */
  readonly addressOf?: (request: IncomingMessage) => string | undefined
  /**
   * Called when `close()` begins, while clients are still attached, to end what belongs to sessions on this node alone; `close()` waits for
   * its promise, for `drainMs` at most. An error is reported.
   */
  readonly onClose?: () => unknown
  /** Called with the errors of handlers and stores. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
  /** Clock, timers and randomness, for tests. */
  readonly host?: ServerHost
}
