import type { PageOptions } from './page-host.ts'

/** The transports to the log. A GET is a poll, not a long-poll, when its query says `mode=poll` or `holdMs` is 0. */
export type ReferenceTransport = 'websocket' | 'sse' | 'long-poll' | 'poll' | 'post'

export interface ReferenceServerOptions {
  /** The path of all transports. Default: `/events`. */
  readonly path?: string
  /** Required as `?token=` or as `Authorization: Bearer`; other requests are answered with 401. Default: not required. */
  readonly token?: string
  /** Whether other origins may read (`'simple'`), and also read the cursor's headers (`'exposed'`). Default: `'none'`. */
  readonly cors?: 'none' | 'simple' | 'exposed'
  /** A frame or a polled body is the payload alone (`'text'`), or `{ id, name?, data }` (`'json'`). Default: `'text'`. */
  readonly rows?: 'text' | 'json'
  /** Polling: `Last-Modified` + `ETag`, as nchan does, or one header `X-Cursor`. Default: `'validators'`. */
  readonly cursorStyle?: 'validators' | 'header'
  /** An answer contains all new messages as `application/x-ndjson`, not only the next one. Default: false. */
  readonly batch?: boolean
  /** Where a client without a cursor starts. Default: `'latest'`. */
  readonly from?: 'latest' | 'oldest'
  /** Messages of clients are published to all. Default: true. */
  readonly echo?: boolean
  /** How long a long-poll is held before its 204. Default: 25,000. */
  readonly holdMs?: number
  /** How often an event stream carries a comment. Default: 15,000. */
  readonly commentEveryMs?: number
  /** An event stream's `retry:`. Default: none. */
  readonly retryMs?: number
  /** Serves a blank page with a script on the same origin, see `openPage`. Default: none. */
  readonly page?: PageOptions
}

/** An answer given instead of the service; for an upgrade, instead of the 101. */
export interface FixedAnswer {
  readonly status: number
  /** Seconds, as `Retry-After`. */
  readonly retryAfter?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How often it is given before the service is restored. Default: until it is changed. */
  readonly times?: number
}

export interface RequestRecord {
  readonly transport: ReferenceTransport | 'preflight'
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** By `performance.now()` of this process. */
  readonly at: number
}

export interface ReceivedMessage {
  readonly via: 'websocket' | 'post'
  readonly data: string | Buffer
  readonly at: number
}
