import type { Engine } from './host.ts'

/** What a transport saw of a failure, before the diagnosis. */
export type Finding =
  /** An HTTP response that is not what the request asked for. */
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly contentType: string
      /** The start of its body, at most 80 characters. */
      readonly start?: string
      /** A redirection that was not followed (its status is 0 where the browser hides it). */
      readonly isRedirect?: boolean
      /** Whether the response came from the target of a redirection. */
      readonly isRedirected?: boolean
    }
  /** A WebSocket closed (RFC 6455 §7.1.5); 1006 stands for every end without a Close frame. */
  | {
      readonly kind: 'closed'
      readonly code: number
      readonly reason: string
      readonly wasClean: boolean
      /** In a session of a WebSocket-shaped client: the close code that the server's application gave; `reason` is its too. */
      readonly application?: number
      /** Whether `error` came before `close`: what that means differs from engine to engine. */
      readonly hasErred?: boolean
    }
  /** The browser refused by itself: the constructor threw, or `error` came and never a `close`. */
  | { readonly kind: 'blocked'; readonly detail: string; readonly how: 'thrown' | 'mute' }
  /** A request broke, or the body of its answer did. Browsers do not say why. */
  | { readonly kind: 'broken'; readonly detail: string; readonly isBody?: boolean }
  /** The response or message exceeded the client's size limit, so the client stopped reading. */
  | { readonly kind: 'oversized' }
  /** The server ended the response properly, as HTTP defines it. */
  | {
      readonly kind: 'ended'
      /** Whether it ended inside an event. */
      readonly isCutOff?: boolean
    }
  /** Nothing came within the time limit for connecting. */
  | { readonly kind: 'timeout' }
  /** The connection was open, and the client received nothing for longer than it tolerates silence. */
  | {
      readonly kind: 'silent'
      /** Nothing had come since it opened, and the connection before it had been of no use either. */
      readonly isMute?: boolean
    }
  /** This browser lacks what the transport needs. */
  | { readonly kind: 'unsupported'; readonly detail: string }
  /** All slots for held requests to this origin are taken by other tabs. */
  | { readonly kind: 'crowded' }
  /** `prepare()` threw, did not settle in time, or returned what this transport cannot use. */
  | { readonly kind: 'unprepared'; readonly detail: string; readonly isMistake: boolean }
  /** `prepare()` threw a `StopConnecting`. */
  | { readonly kind: 'stopped'; readonly reason: string }
  /** The outbox was full, a message had waited for too long, is larger than the server takes, or the server lost the session. */
  | { readonly kind: 'overflow' | 'expired' | 'too-large' | 'forgotten' }
  /** Two servers, each with a store of its own, answer in turn. */
  | { readonly kind: 'divided' }
  /** The server that answers does not speak steadfast.v1. */
  | { readonly kind: 'mismatch'; readonly detail: string; readonly isHandshake?: boolean }
  /** The application's codec or a protocol could not read a message. */
  | { readonly kind: 'unreadable'; readonly detail: string }
  /** The page went into the back/forward cache or away, so the client hung up. */
  | { readonly kind: 'hidden' }
  /** The application called `reconnect()`. */
  | { readonly kind: 'reconnect' }
  /** The application left too much unread, so the client hung up until it has read it. */
  | { readonly kind: 'unread' }
  /** The page came back from the back/forward cache or from sleep with a connection that cannot be believed. */
  | { readonly kind: 'restored' }

/** What else is known of a failure. */
export interface Circumstances {
  /** The transport's `type`. */
  readonly transport: string
  /** How far the attempt had come. `send` is a POST of its own. */
  readonly phase: 'prepare' | 'connect' | 'open' | 'send'
  /** Milliseconds since the dial, or since it opened if it did. */
  readonly elapsedMs: number
  /** What `navigator.onLine` said; a hint only. */
  readonly isOnline: boolean
  /** Whether the page was hidden; absent while it was not. */
  readonly isHidden?: boolean
  readonly engine?: Engine
  /** Whether the page came over https; absent while it did not. */
  readonly isSecurePage?: boolean
  /** Where it was dialled: origin and path. */
  readonly url?: string
  /** The last known round trip, in milliseconds. */
  readonly roundTripMs?: number
  /** Whether anything had come over the connection. */
  readonly hasHeard?: boolean
  /** Whether this transport has been open before, in this client's life. */
  readonly hasOpened?: boolean
  /** Whether the page came from the same origin; absent where it did not. */
  readonly isSameOrigin?: boolean
  /** Whether any transport of this client has been open before. */
  readonly hasServed?: boolean
  /** Whether the client has no other transport. */
  readonly isOnlyWay?: boolean
  /** The directive of the page's Content-Security-Policy that forbade it. */
  readonly violation?: string
  /** What the follow-up questions found, about this failure or the one before it. */
  readonly followUp?: FollowUp
  /** Whether this transport failed before those questions were answered and now once more. */
  readonly isRepeated?: boolean
  /** In a session, told at its return: what the server saw of the end. */
  readonly lastEnd?: { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }
  /** Whether it is about a session (steadfast.v1), in which close codes mean what its rule 9 says. */
  readonly isSession?: boolean
  /** The server asked not to be tried again for so long (`Retry-After`, RFC 9110 §10.2.3, or the event stream's `retry:`). */
  readonly retryAfterMs?: number
}

/** A finding with its circumstances. */
export type Evidence = Finding & Circumstances

/** What a transport reports: the shell adds the circumstances that it knows better. */
export type Report = Finding & { readonly retryAfterMs?: number }

/** What became of a request: an answer came, the browser gave up on it, or nothing came in time. */
export type Outcome = 'answered' | 'failed' | 'silent'

/** What plain HTTP requests to the same URL found when a connection had failed. */
export interface FollowUp {
  /** A request whose answer the page may read (CORS). */
  readonly readable: Outcome
  /** Milliseconds until that. */
  readonly elapsedMs: number
  readonly status?: number
  readonly contentType?: string
  /** In plain mode: whether the answer is that of a `steadfast/server`. */
  readonly isOfSession?: boolean
  /** In a session: what the server saw of the attempt (rule 15); absent where what answered is not that server. */
  readonly ledger?: Ledger
  /** A request whose answer the page may not read (`no-cors`): whether any HTTP server is there. */
  readonly opaque: Outcome
  /** Whether it was answered by a redirection. */
  readonly isRedirect: boolean
  /**
   * The page's permission to connect to the local network (Local Network Access): denied, or a question to the user. Absent where
   * it is granted, the browser has no such permission, the page is of the local network itself, or something answered.
   */
  readonly localAccess?: 'denied' | 'prompt'
  /** A request to the page's own origin; `none` where there is no page or it is the same origin. */
  readonly page: Outcome | 'none'
}

/** What a server with a ledger saw of an attempt (docs/PROTOCOL.md, rule 15). */
export interface Ledger {
  /** Whose sightings: only `all` proves an absence. */
  readonly scope: 'node' | 'all'
  readonly sawRequest: boolean
  readonly sawUpgrade: boolean
  readonly verdict: 'accepted' | number | null
  readonly offeredProtocols: readonly string[]
}
