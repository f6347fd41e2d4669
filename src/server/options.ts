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
   * Returns the principal of the client that sent a request, from the request (its cookies) and from the `auth` that the client's
   * `prepare()` returned; `null` if the client is not authenticated. The server calls it for every attachment and every POST, and
   * again for open connections when `reauthenticateMs` has passed or the principal's `expiresAt` is near. If it returns `null`
   * for a client that was authenticated before, that client's open attachments end with 4401. Without this option all clients
   * share one anonymous principal.
   */
  readonly authenticate?: (request: IncomingMessage, auth: unknown) => Who | null | Promise<Who | null>
  /**
   * Selects the subprotocol of a client of `steadfast/socket` that offers some, as `handleProtocols` of `ws` does: it receives
   * the offered subprotocols, the most preferred first, and the request, and returns one of them; for any other value the client
   * is refused. The server calls it for the first attachments of a session; the result becomes `session.protocol`.
   * @defaultValue the first that the client offers
   */
  readonly selectProtocol?: (protocols: readonly string[], request: IncomingMessage) => string | null | undefined
  /**
   * Decides whether a client gets a new session. Called once per session, on the node that creates it; not when a client resumes
   * its session, nor for a POST. Returns the subprotocol, one of `offer.protocols`, in place of `selectProtocol`; `null` or
   * `undefined` for none (a client that offers some is then refused with 4410); or a refusal, `{ code, reason }`. If it throws,
   * or its promise takes longer than `limits.authenticateTimeoutMs`, the error is reported and the client is refused with 4500.
   * `onSession` runs once the store holds the session; if it is not created after all, `offer.signal` is aborted.
   * @defaultValue every client that is authenticated gets a session
   */
  readonly acceptSession?: (offer: SessionOffer<Who>) => SessionAnswer | void | Promise<SessionAnswer> | Promise<void>
  /**
   * How long the server trusts an open WebSocket or event stream after `authenticate`, in milliseconds. It then asks the client
   * for fresh credentials (its `prepare()`) and calls `authenticate` again, while the connection stays open; if the client sends
   * none in time, or they are refused, its attachment ends with 4401. Polls send their credentials with each request.
   * @defaultValue Infinity: only the principal's `expiresAt` counts
   */
  readonly reauthenticateMs?: number
  /**
   * Origins whose pages may connect, in addition to the server's own, in any scheme: `'https://app.example'`,
   * `'capacitor://localhost'`; `'https://*.app.example'` for its subdomains at any depth, not for `https://app.example` itself;
   * `'chrome-extension:'` for every origin of a scheme other than http and https. Or a function of the origin and the request, as
   * an element of the list or in its place: it allows the page only with `true` or a promise of `true`; an error that it throws
   * is reported and refuses the page. No function is called for the origin `null`. Browsers attach cookies to the requests of any
   * page: a list that is too permissive is a security hole.
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
   * Whose forwarding headers (`X-Forwarded-For`, `-Host`, `-Proto`, `-Port`, or `Forwarded`) the server trusts, as in Express:
   * `true` for every peer's, the number of proxies in front, addresses and subnets (`'loopback'`, `'linklocal'`, `'uniquelocal'`,
   * `'10.0.0.0/8'`), or a function of an address and its distance in hops. The headers determine the client's address and the
   * server's own origin. A trusted peer can claim any address: list only your own proxies.
   * @defaultValue false: no peer's, since clients can send these headers too
   */
  readonly trustProxy?: TrustProxyOption
  /**
   * Decodes clients' messages into the application's values, and encodes the values that the application sends.
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
   * Timeout of a call of `topics` or `sessions`, in milliseconds. A call that exceeds it counts as failed; the server retries the
   * operation or refuses the client with 4503. Not applied to a `memoryStore`, which answers synchronously.
   * @defaultValue 5,000
   */
  readonly storeTimeoutMs?: number
  /**
   * How much of each topic is kept, if less than the store keeps: the same for all topics, or a function of the topic's name.
   * @defaultValue as much as the store keeps
   */
  readonly keep?: TopicKeep | ((topic: string) => TopicKeep | undefined)
  /**
   * Returns what others see of a session subscribed to a topic: JSON of at most 1,024 bytes, or `undefined` to hide it. It
   * enables `server.presence(topic)`, which lists a topic's members, and `presence:<topic>`, whose subscribers get
   * `{ type: 'join' | 'leave', id, info }` for each member that joins or leaves, as JSON (or by the `codec`). Called when a
   * session joins; not for `presence:<topic>` itself, which has no members.
   * @defaultValue no presence
   */
  readonly presence?: (session: Session<Who, Data, Out>, topic: string) => unknown
  /**
   * How long a member stays in a topic after its node has died, at most, in milliseconds; if only its client is gone, it leaves
   * after half that time. A client that reattaches to any node in the meantime has not left.
   * @defaultValue 10,000
   */
  readonly presenceTimeoutMs?: number
  /** The longest silence of an attachment, in milliseconds; less than your proxies' idle timeouts. @defaultValue 25,000 */
  readonly heartbeatMs?: number
  /** How long a session outlives its last attachment, in milliseconds. @defaultValue 120,000 */
  readonly resumeWindowMs?: number
  /**
   * How long the server waits for `onRequest`, in milliseconds: then `message.signal` is aborted, the client's request is rejected
   * with `'timeout'`, and the session goes on. If the client no longer waits, or the session has ended, it waits for 5 s at most.
   * @defaultValue 60,000
   */
  readonly requestTimeoutMs?: number
  /**
   * How long a node is presumed alive after it renewed its lease, in milliseconds: if it dies inside a handler, another handles
   * the message again after that. Set it above your processes' longest pause plus the difference of their clocks.
   * @defaultValue 10,000
   */
  readonly leaseMs?: number
  /**
   * Whether each session stays on the node that ran its `onSession`: that node handles all its messages, and runs its `onEnd`,
   * whichever node the client reaches. For applications that keep state of a session in a node's memory, such as a connection to
   * a backend. If that node dies or closes, the session ends: with 4410, or with 1012 for a client of `steadfast/socket`. All
   * nodes of a store need the same value.
   * @defaultValue false: any node handles messages, and a session outlives each node
   */
  readonly pinSessions?: boolean
  /**
   * Returns the client's address, for the limit per address; `undefined` if it is unknown. For proxies that send a header other
   * than those that `trustProxy` supports.
   * @defaultValue the nearest address that `trustProxy` does not name, unless it is this machine
   */
  readonly addressOf?: (request: IncomingMessage) => string | undefined
  /**
   * Runs when `close()` begins, while clients are still attached, to end the parts of sessions that live on this node alone.
   * `close()` waits for its promise for at most `drainMs`; an error is reported.
   */
  readonly onClose?: () => unknown
  /** Receives the errors of handlers and stores. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
  /** Clock, timers and randomness, for tests. */
  readonly host?: ServerHost
}
