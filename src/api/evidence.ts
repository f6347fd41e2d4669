import type { Engine } from './host.ts'

/** What a transport saw of a failure: the input of the diagnosis. */
export type Finding =
  /** The server answered with an HTTP response that the transport cannot use. */
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly contentType: string
      /** The start of the body, at most 80 characters. */
      readonly start?: string
      /** A redirect that was not followed (its status is 0 if the browser hides it). */
      readonly isRedirect?: boolean
      /** Whether the response came from the target of a redirect. */
      readonly isRedirected?: boolean
    }
  /** A WebSocket closed (RFC 6455 §7.1.5); 1006 stands for any end without a Close frame. */
  | {
      readonly kind: 'closed'
      readonly code: number
      readonly reason: string
      readonly wasClean: boolean
      /** In a session of a WebSocket-shaped client: the application's close code; then `reason` is the application's too. */
      readonly application?: number
      /** Whether `error` fired before `close`; its meaning differs between browser engines. */
      readonly hasErred?: boolean
    }
  /** The browser refused to connect: the constructor threw, or `error` fired without `close`. */
  | { readonly kind: 'blocked'; readonly detail: string; readonly how: 'thrown' | 'mute' }
  /** A request failed, or the body of its response did (`isBody`). Browsers do not say why. */
  | { readonly kind: 'broken'; readonly detail: string; readonly isBody?: boolean }
  /** The response or a message exceeded the client's size limit, so the client stopped reading. */
  | { readonly kind: 'oversized' }
  /** The server completed the response, as HTTP defines it. */
  | {
      readonly kind: 'ended'
      /** Whether the response ended in the middle of an event. */
      readonly isCutOff?: boolean
    }
  /** The attempt did not open within `connectTimeoutMs`. */
  | { readonly kind: 'timeout' }
  /** The connection was open, and the client received nothing for longer than the heartbeat allows. */
  | {
      readonly kind: 'silent'
      /** Nothing was received since the connection opened, and the connection before it was short-lived as well. */
      readonly isMute?: boolean
    }
  /** The browser lacks an API that the transport needs. */
  | { readonly kind: 'unsupported'; readonly detail: string }
  /** Other tabs hold all slots for held requests to this origin. */
  | { readonly kind: 'crowded' }
  /** `prepare()` threw, did not settle in time, or (`isMistake`) returned a value that this transport cannot use. */
  | { readonly kind: 'unprepared'; readonly detail: string; readonly isMistake: boolean }
  /** `prepare()` threw a `StopConnecting`. */
  | { readonly kind: 'stopped'; readonly reason: string }
  /** A message failed: the outbox was full, `ttlMs` passed, it is too large for the server, or the server lost the session. */
  | { readonly kind: 'overflow' | 'expired' | 'too-large' | 'forgotten' }
  /** Requests alternate between servers that do not share a store. */
  | { readonly kind: 'divided' }
  /** The answering server does not speak steadfast.v1. */
  | { readonly kind: 'mismatch'; readonly detail: string; readonly isHandshake?: boolean }
  /** The application's codec or the protocol could not decode a message. */
  | { readonly kind: 'unreadable'; readonly detail: string }
  /** The page was unloaded or put into the back/forward cache, so the client closed the connection. */
  | { readonly kind: 'hidden' }
  /** The application called `reconnect()`. */
  | { readonly kind: 'reconnect' }
  /** The application left too many messages unread, so the client disconnected until they are read (back-pressure). */
  | { readonly kind: 'unread' }
  /** The page returned from the back/forward cache or from sleep with a connection that may be dead. */
  | { readonly kind: 'restored' }

/** The circumstances of a failure. */
export interface Circumstances {
  /** The transport's `type`. */
  readonly transport: string
  /** The phase in which the attempt failed; `send`: sending a message. */
  readonly phase: 'prepare' | 'connect' | 'open' | 'send'
  /** Milliseconds since the connection opened, or since the dial if it did not open. */
  readonly elapsedMs: number
  /** The value of `navigator.onLine`; only a hint. */
  readonly isOnline: boolean
  /** Whether the page was hidden; absent if it was not. */
  readonly isHidden?: boolean
  readonly engine?: Engine
  /** Whether the page was loaded over https; absent if it was not. */
  readonly isSecurePage?: boolean
  /** The dialled URL: origin and path, without the query. */
  readonly url?: string
  /** The last known round trip, in milliseconds. */
  readonly roundTripMs?: number
  /** Whether anything was received over the connection. */
  readonly hasHeard?: boolean
  /** Whether this client has had an open connection over this transport before. */
  readonly hasOpened?: boolean
  /** Whether the URL is same-origin with the page; absent if it is not. */
  readonly isSameOrigin?: boolean
  /** Whether this client has had an open connection over any transport before. */
  readonly hasServed?: boolean
  /** Whether this is the client's only transport. */
  readonly isOnlyWay?: boolean
  /** The directive of the page's Content-Security-Policy that blocked the request. */
  readonly violation?: string
  /** The findings of the follow-up questions, about this failure or the one before it. */
  readonly followUp?: FollowUp
  /** Whether this transport had failed before the follow-up questions were answered, and has now failed again. */
  readonly isRepeated?: boolean
  /** In a session: what the server saw of the end of the connection, as it reports on resume. */
  readonly lastEnd?: { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }
  /** Whether the client uses a session (steadfast.v1), whose close codes are defined by rule 9. */
  readonly isSession?: boolean
  /** The minimum delay before a retry that the server asked for (`Retry-After`, RFC 9110 §10.2.3, or `retry:` in SSE). */
  readonly retryAfterMs?: number
}

/** A finding with its circumstances. */
export type Evidence = Finding & Circumstances

/** What a transport reports; `Connection` adds the circumstances. */
export type Report = Finding & { readonly retryAfterMs?: number }

/** The outcome of a request: it was answered, the browser failed it, or nothing was received in time. */
export type Outcome = 'answered' | 'failed' | 'silent'

/** The findings of plain HTTP requests to the same URL, made after a connection failed. */
export interface FollowUp {
  /** The outcome of a request whose response the page may read (CORS). */
  readonly readable: Outcome
  /** The duration of that request, in milliseconds. */
  readonly elapsedMs: number
  readonly status?: number
  readonly contentType?: string
  /** In plain mode: whether the response comes from a `steadfast/server`. */
  readonly isOfSession?: boolean
  /** In a session: what the server saw of the attempt (rule 15); absent if another server answered. */
  readonly ledger?: Ledger
  /** The outcome of a request whose response the page may not read (`no-cors`): it shows whether any HTTP server is there. */
  readonly opaque: Outcome
  /** Whether the response was a redirect. */
  readonly isRedirect: boolean
  /**
   * The state of the page's permission for Local Network Access. Absent if it is granted, the browser has no such permission, the
   * page itself is on the local network, or a request was answered.
   */
  readonly localAccess?: 'denied' | 'prompt'
  /** The outcome of a request to the page's own origin; `none` if there is no page, or the URL is same-origin. */
  readonly page: Outcome | 'none'
}

/** What the server's ledger says about an attempt (docs/PROTOCOL.md, rule 15). */
export interface Ledger {
  /** Only with `all` does `false` prove that nothing arrived; `node`: the view of one node, or an incomplete one. */
  readonly scope: 'node' | 'all'
  readonly sawRequest: boolean
  readonly sawUpgrade: boolean
  readonly verdict: 'accepted' | number | null
  readonly offeredProtocols: readonly string[]
}
