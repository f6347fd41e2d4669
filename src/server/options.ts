import type { IncomingMessage } from 'node:http'
import type { TrustProxyOption } from './adapters/client-address.ts'
import type { OriginsOption } from './adapters/origin-patterns.ts'
import type { Handlers } from './handlers.ts'
import type { Limits } from './limits.ts'
import type { ServerHost } from './node/host.ts'
import type { AnyPrincipal, Principal, Sendable, ServerCodec } from './session/session-handle.ts'
import type { SessionStore, TopicLog } from './store/ports.ts'

/** The options of a `RealtimeServer`. */
export interface RealtimeServerOptions<
  Who extends AnyPrincipal = Principal,
  Data = unknown,
  In = string | ArrayBuffer,
  Out = Sendable,
> extends Handlers<Who, Data, In, Out> {
  /** Where `attach(httpServer)` listens. @defaultValue '/realtime' */
  readonly path?: string
  /**
   * Says who asks, from the request (its cookies) and from what the client's `prepare()` returned as `auth`; `null` for nobody.
   * Called for every attachment and every POST, and again for open connections when `reauthenticateMs` has passed or the
   * principal's `expiresAt` is near. Where it returns `null` for a client that it knew before, what is open of that client ends
   * with 4401. Without it everybody is the same anonymous principal.
   */
  readonly authenticate?: (request: IncomingMessage, auth: unknown) => Who | null | Promise<Who | null>
  /**
   * How long an open WebSocket or event stream is believed to be its principal's, in milliseconds. Then the client is asked for
   * fresh credentials (its `prepare()`) and `authenticate` is called again, while the connection goes on; a client that gives none
   * in time, or others that are refused, is ended with 4401. Polls bring their credentials with each request.
   * @defaultValue Infinity: only the principal's `expiresAt` counts
   */
  readonly reauthenticateMs?: number
  /**
   * Origins of pages that may connect beside the server's own, in any scheme: `'https://app.example'`, `'capacitor://localhost'`;
   * `'https://*.app.example'` for its subdomains of any depth, not for `https://app.example` itself. Or a function, in the list or
   * in its place, of the origin and the request: only `true` (or a promise of it) lets the page in, and one that throws is reported
   * and lets nobody in. `null` is never asked about. Cookies are sent along by a browser, whoever asks: a list that is too long is
   * a hole.
   * @defaultValue none
   */
  readonly origins?: OriginsOption
  /**
   * The server's own origins as browsers know them, as `'https://app.example:8443'`. Needed where a proxy in front replaces the
   * `Host` header and the browser does not say `Sec-Fetch-Site`: otherwise the server cannot tell its own pages.
   * @defaultValue none: the request's `Host` is compared
   */
  readonly publicOrigins?: readonly string[]
  /**
   * Whose forwarding headers (`X-Forwarded-For`, `-Host`, `-Proto`, `-Port`, or `Forwarded`) are believed, as in Express: `true`
   * for everybody's, a number of proxies in front, addresses and subnets (`'loopback'`, `'linklocal'`, `'uniquelocal'`,
   * `'10.0.0.0/8'`), or a function of an address and its distance. They tell the client's address and the server's own origin.
   * Whoever is believed can pretend to be any address: name your proxies alone.
   * @defaultValue false: nobody's, since a client can send them too
   */
  readonly trustProxy?: TrustProxyOption
  /** Makes values of what clients send, and messages of what is sent to them. @defaultValue none: strings and bytes */
  readonly codec?: ServerCodec<In, Out>
  /** What to let happen; each has a default. */
  readonly limits?: Partial<Limits>
  /** Where topics are. @defaultValue those of a `memoryStore()` of its own */
  readonly topics?: TopicLog
  /** Where sessions are. To be given together with `topics`. @defaultValue those of the same `memoryStore()` */
  readonly sessions?: SessionStore
  /** No attachment is silent for longer, in milliseconds; set it below the shortest timeout of the proxies. @defaultValue 25,000 */
  readonly heartbeatMs?: number
  /** How long a session outlives its last attachment, in milliseconds. @defaultValue 120,000 */
  readonly resumeWindowMs?: number
  /**
   * How long a node that says nothing is believed to be alive, in milliseconds: if it dies in a handler, the message comes
   * again after that. Set it above the longest pause of your processes and the difference of their clocks. @defaultValue 10,000
   */
  readonly leaseMs?: number
  /**
   * The client's address, for the limit per address; `undefined` where it cannot be told. For a proxy that sends another header
   * than `trustProxy` knows. @defaultValue the nearest address that `trustProxy` does not name, unless it is this machine
   */
  readonly addressOf?: (request: IncomingMessage) => string | undefined
  /** Is told what handlers and stores throw. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
  /** Clock, timers and randomness, for tests. */
  readonly host?: ServerHost
}
