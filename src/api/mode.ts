import type { Calls, ServerRequest } from './calls.ts'
import type { EventDetails } from './events.ts'
import type { Circumstances } from './evidence.ts'
import type { Host } from './host.ts'
import type { MessageSender, SenderPort } from './message-sender.ts'
import type { Preparation, TransportSettings } from './options.ts'
import type { Payload, Protocol } from './protocol.ts'
import type { Call, FetchCredentials, Link, Transport, Writable } from './transport.ts'

/** `intervalMs`: how much silence is normal; `timeoutMs`: how much more, after a ping if possible, means a dead connection. */
export interface HeartbeatTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
}

/**
 * What a client and its server agree on above the transports: the heartbeat, how a reconnect resumes, and whether messages are
 * acknowledged. Each client has its own mode object: plain (any server), or that of another entry such as `steadfast/session`.
 */
export interface Mode {
  /** Part of the key of the transport memory: the same URL in another mode is another endpoint. */
  readonly name: string
  /** The protocol that the transports use in plain mode. */
  readonly protocol: Protocol
  /** The default of the option `credentials`. */
  readonly credentials: FetchCredentials
  /** Circumstances that hold for every failure in this mode. */
  readonly circumstances: Partial<Circumstances>
  /** Whether the server keeps a ledger of attempts, which follow-up questions query by the attempt's name. */
  readonly hasLedger: boolean
  /** Whether the client may disconnect while the application has too much unread, without losing messages. */
  readonly canPause: boolean
  /** Whether messages may be taken from any attempt, because the mode drops duplicates. */
  readonly recognizesRepeats: boolean
  /** The close code with which the client hangs up without ending the session, so that the application cannot use it. */
  readonly hangUpCode?: number | undefined
  /** Whether heartbeats can be sent over a transport that can ping. */
  readonly canPing: boolean
  /** Whether a new connection is proven by the reply to a heartbeat. */
  readonly isProvenByReply: boolean
  /** Creates the built-in transport of this mode; absent in plain mode. `name` is the option's name, for errors. */
  transport?(settings: TransportSettings, name: string, connectTimeoutMs: number): Transport
  /** Returns what is wrong with the result of `prepare()`, as the end of a sentence; `undefined` if it is valid. */
  mistakeIn(preparation: Preparation): string | undefined
  /** Creates the sender of this client. */
  sender<Out>(port: SenderPort<Out>): MessageSender<Out>
  /** Creates the requests and topics; absent if the server has none. Called once, with the client's sender. */
  readonly calls?: (<In, Out>(port: CallsPort<In, Out>, sender: MessageSender<Out>) => Calls<In, Out>) | undefined
  /** Returns the current heartbeat; `null` for none. */
  heartbeat(): HeartbeatTimes | null
  /** Returns the message to send as a heartbeat. */
  ping(): Payload | undefined
  /** The server's reply to a heartbeat: a sign of life that is not emitted as a message. */
  readonly heartbeatReply: string | undefined
  /** Returns how much longer than the heartbeat's timeout the client currently waits, in milliseconds. */
  graceMs(): number
  /** Returns the time over which the server wants clients to reconnect after a restart, in milliseconds; `null` if unknown. */
  spreadMs(): number | null
  /** Whether a reconnect over this transport resumes where the previous connection ended. */
  resumes(transport: string): boolean
  /** Returns a promise that each dial must await, or `undefined`; it never rejects. Absent if no dial ever has to wait. */
  readonly admit?: (() => Promise<void> | undefined) | undefined
  /** Returns additional members of an `open` event; called once for each. */
  openDetails?(): Pick<EventDetails['open'], 'restored'>
  /** Whether the connection that has just opened was resumed; `hasCursor`: the client sent a cursor. */
  isResumed(transport: string, hasCursor: boolean): boolean
  /** Whether the client always has a cursor. */
  readonly hasCursor: boolean
  /** Whether the server lost the session while the connection went on. */
  isForgotten(): boolean
  /** Whether requests alternate between servers that do not share a store. */
  isDivided(): boolean
  /** Returns what the server saw of the end of the previous connection, as it reports when the next one opens. */
  lastEnd(): Circumstances['lastEnd']
  /** From now on this link carries the connection. */
  activated(link: Link, call: Call | null): void
  /** `prepare()` returned fresh credentials for the open connection. */
  authenticated(auth: unknown): void
  /** A connection was ended because of silence. */
  fellSilent(): void
  /** Whether the client starts anew (with a new session) after the server has ended an attempt with this close code. */
  beginsAnewAfter(code: number): boolean
  /** The application calls `connect()` after the client was closed. */
  begin(): void
  /** The client was closed. */
  end(): void
}

/** What requests and topics need of their client. */
export interface CallsPort<In, Out> {
  readonly host: Host
  /** @throws TypeError for a value that is not a message, and whatever the codec throws */
  encode(data: Out): Writable
  decode(payload: Payload): In
  isClosed(): boolean
  /** Returns `client.onrequest`. */
  handler(): ((request: ServerRequest<In>) => unknown) | null
  /** Adds a listener for events of the client. */
  on<Type extends 'message' | 'gap' | 'open' | 'close'>(type: Type, listener: (event: EventDetails<In>[Type]) => void): void
}

/** A value of the option `protocol` that brings its own mode, such as `session()`. */
export interface ModeProtocol {
  /**
   * Called once for each client.
   * @param url returns the client's URL; it throws a TypeError while the URL is relative and there is no page
   */
  createMode(host: Host, url: () => URL): Mode
}
