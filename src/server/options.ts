import type { IncomingMessage } from 'node:http'
import type { Handlers } from './handlers.ts'
import type { ServerHost } from './host.ts'
import type { Limits } from './limits.ts'
import type { SessionStore, TopicLog } from './ports.ts'
import type { Principal } from './session.ts'

/** The options of a `RealtimeServer`. */
export interface RealtimeServerOptions extends Handlers {
  /** Where `attach(httpServer)` listens. @defaultValue '/realtime' */
  readonly path?: string
  /**
   * Says who asks, from the request (its cookies) and from what the client's `prepare()` returned as `auth`; `null` for nobody.
   * Called for every attachment and every POST. Without it everybody is the same anonymous principal.
   */
  readonly authenticate?: (request: IncomingMessage, auth: unknown) => Principal | null | Promise<Principal | null>
  /**
   * Origins of pages that may connect, as `https://app.example`, beside the server's own. Cookies are sent along by a browser,
   * whoever asks: a list that is too long is a hole.
   * @defaultValue none
   */
  readonly origins?: readonly string[]
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
   * The client's address, for the limit per address; `undefined` where it cannot be told. Behind a proxy read the header that
   * the proxy sets. @defaultValue the socket's address, unless a header speaks of a proxy or the peer is this machine
   */
  readonly addressOf?: (request: IncomingMessage) => string | undefined
  /** Is told what handlers and stores throw. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
  /** Clock, timers and randomness, for tests. */
  readonly host?: ServerHost
}
