/** What a transport saw of a failure, before anybody judges it. */
export type Finding =
  /** An HTTP answer that is not what was asked for. */
  | { readonly kind: 'answered'; readonly status: number; readonly contentType: string }
  /** A WebSocket closed (RFC 6455 §7.1.5); 1006 stands for every end without a Close frame. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string; readonly wasClean: boolean }
  /** The browser refused by itself: the constructor threw, or `error` came and never a `close`. */
  | { readonly kind: 'blocked'; readonly detail: string }
  /** A request or the body of an answer broke. Browsers do not say why. */
  | { readonly kind: 'broken'; readonly detail: string }
  /** The server ended the answer as HTTP ends answers: in order. */
  | { readonly kind: 'ended' }
  /** Nothing came within the time limit for connecting. */
  | { readonly kind: 'timeout' }
  /** It was open, and nothing came for longer than silence is tolerated. */
  | { readonly kind: 'silent' }
  /** This browser lacks what the transport needs. */
  | { readonly kind: 'unsupported'; readonly detail: string }
  /** All slots for held requests to this origin are taken by other tabs. */
  | { readonly kind: 'crowded' }
  /** `prepare()` threw, or returned what this transport cannot use. */
  | { readonly kind: 'unprepared'; readonly detail: string; readonly isMistake: boolean }
  /** The outbox was full, a message had waited for too long, is larger than the server takes, or the server lost the session. */
  | { readonly kind: 'overflow' | 'expired' | 'too-large' | 'forgotten' }
  /** What answers does not speak steadfast.v1. */
  | { readonly kind: 'mismatch'; readonly detail: string }
  /** The application's codec or a protocol could not read what came. */
  | { readonly kind: 'unreadable'; readonly detail: string }
  /** The page went into the back/forward cache or away, so the client hung up. */
  | { readonly kind: 'hidden' }
  /** The application left too much unread, so the client hung up until it has read it. */
  | { readonly kind: 'unread' }
  /** The page came back from the back/forward cache or from sleep with a connection that cannot be believed. */
  | { readonly kind: 'restored' }

/** A finding with its circumstances. */
export type Evidence = Finding & {
  /** The transport's `type`. */
  readonly transport: string
  /** How far the attempt had come. `send` is a POST of its own. */
  readonly phase: 'prepare' | 'connect' | 'open' | 'send'
  /** Milliseconds since the dial, or since it opened if it did. */
  readonly elapsedMs: number
  /** What `navigator.onLine` said; a hint only. */
  readonly isOnline: boolean
  /** Whether it is about a session (steadfast.v1), in which close codes mean what its rule 9 says. */
  readonly isSession?: boolean
  /** The server asked not to be tried again for so long (`Retry-After`, RFC 9110 §10.2.3, or the event stream's `retry:`). */
  readonly retryAfterMs?: number
}

/** What a transport reports: the shell adds the circumstances that it knows better. */
export type Report = Finding & { readonly retryAfterMs?: number }
