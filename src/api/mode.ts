import type { Calls, ServerRequest } from './calls.ts'
import type { EventDetails } from './events.ts'
import type { Circumstances } from './evidence.ts'
import type { Host } from './host.ts'
import type { MessageSender, SenderPort } from './message-sender.ts'
import type { Preparation, TransportSettings } from './options.ts'
import type { Payload, Protocol } from './protocol.ts'
import type { Call, FetchCredentials, Link, Transport, Writable } from './transport.ts'

/** How long silence is nothing unusual, and how long an answer to a question may take after that. */
export interface HeartbeatTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
}

/**
 * What a client and its server agree on above the transports: how silence is judged, what a reconnect resumes, and whether messages
 * are acknowledged. Each client has a mode of its own: plain (any server), or one that an entry of its own provides.
 */
export interface Mode {
  /** Part of the key under which the client remembers what worked: the same URL in another mode is another endpoint. */
  readonly name: string
  /** The dialect of the transports in plain mode. */
  readonly protocol: Protocol
  /** The default of the option `credentials`. */
  readonly credentials: FetchCredentials
  /** What is known of each failure in this mode. */
  readonly circumstances: Partial<Circumstances>
  /** Whether the server keeps a ledger of attempts, which a follow-up question asks for by the attempt's name. */
  readonly hasLedger: boolean
  /** Whether the client may disconnect while the application does not read, and lose nothing by it. */
  readonly canPause: boolean
  /** Whether a message may be taken from any attempt, since the mode recognizes what it has already taken. */
  readonly recognizesRepeats: boolean
  /** Whether heartbeats can be sent over a transport that can ping. */
  readonly canPing: boolean
  /** Whether the answer to a heartbeat proves a connection that has just opened. */
  readonly isProvenByReply: boolean
  /** Makes the built-in transport of this mode; absent in plain mode. `name` is that of the option, for errors. */
  transport?(settings: TransportSettings, name: string, connectTimeoutMs: number): Transport
  /** What is wrong with what `prepare()` returned, as the end of a sentence; `undefined` where nothing is. */
  mistakeIn(preparation: Preparation): string | undefined
  /** Makes what sends for this client. */
  sender<Out>(port: SenderPort<Out>): MessageSender<Out>
  /** Requests with answers, and topics; absent where the server knows none. Called once, with what sends for the client. */
  readonly calls?: (<In, Out>(port: CallsPort<In, Out>, sender: MessageSender<Out>) => Calls<In, Out>) | undefined
  /** How silence is judged now; `null` where it is not. */
  heartbeat(): HeartbeatTimes | null
  /** What to send as a heartbeat. */
  ping(): Payload | undefined
  /** What the server answers to a heartbeat: a sign of life, and no message. */
  readonly heartbeatReply: string | undefined
  /** How much longer than usual silence is nothing unusual now, in milliseconds. */
  graceMs(): number
  /** Over how many milliseconds the server wants its clients to come back after a restart; `null` where it has not said so. */
  spreadMs(): number | null
  /** Whether a reconnect over this transport goes on where the connection before ended. */
  resumes(transport: string): boolean
  /** What has to be waited for before each dial; `undefined` where nothing has. Absent where that is so for ever. Never rejects. */
  readonly admit?: (() => Promise<void> | undefined) | undefined
  /** What the `open` event tells beside the rest, once for each. */
  openDetails?(): Pick<EventDetails['open'], 'restored'>
  /** Whether the connection that has just opened went on where the one before had ended; `hasCursor`: the client named a place. */
  isResumed(transport: string, hasCursor: boolean): boolean
  /** Whether the client can always name the place where it is. */
  readonly hasCursor: boolean
  /** Whether the server lost what it knew of this client, while a connection went on. */
  isForgotten(): boolean
  /** Whether two servers that share no store answer in turn. */
  isDivided(): boolean
  /** What the server saw of the end of the connection before, told when the next one opens. */
  lastEnd(): Circumstances['lastEnd']
  /** This link carries the connection from now on. */
  activated(link: Link, call: Call | null): void
  /** The application gave fresh credentials to the open connection. */
  authenticated(auth: unknown): void
  /** A connection ended by silence. */
  fellSilent(): void
  /** Whether the client begins anew, as if for the first time, after the server has ended an attempt with this code. */
  beginsAnewAfter(code: number): boolean
  /** The application connects again after the end. */
  begin(): void
  /** The client is closed. */
  end(): void
}

/** The client whose calls they are. */
export interface CallsPort<In, Out> {
  readonly host: Host
  /** @throws TypeError for what is no message, and whatever the codec throws */
  encode(data: Out): Writable
  decode(payload: Payload): In
  isClosed(): boolean
  /** The application's handler for requests of the server. */
  handler(): ((request: ServerRequest<In>) => unknown) | null
  /** Listens to events of the client. */
  on<Type extends 'message' | 'gap' | 'open' | 'close'>(type: Type, listener: (event: EventDetails<In>[Type]) => void): void
}

/** What the option `protocol` takes besides a dialect of plain mode. */
export interface ModeProtocol {
  /**
   * Called once for each client.
   * @param url tells the client's URL; it throws a TypeError as long as that is relative to a page which is not there
   */
  createMode(host: Host, url: () => URL): Mode
}
