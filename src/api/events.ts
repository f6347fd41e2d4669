import type { Diagnosis } from '../diagnosis/diagnose.ts'
import type { Payload } from './protocol.ts'

/** When the next attempt will be made. */
export interface Retry {
  /** The number of this retry in the outage, from 1. */
  readonly attempt: number
  /** The delay before the retry, in milliseconds; 0 for an immediate retry. */
  readonly delayMs: number
  /** The time of the attempt, as a `Date.now()` timestamp. */
  readonly at: number
}

/** What the client is doing: a union of frozen objects; every change produces a new object. */
export type ClientState =
  /** Constructed; `connect()` has not been called. */
  | { readonly status: 'idle' }
  /** Dialling the listed transports, best first. `attempt`: 0 for the first connect, n for the n-th retry. */
  | { readonly status: 'connecting'; readonly attempt: number; readonly transports: readonly string[] }
  /** Connected. `since`: a `Date.now()` timestamp. `proven`: it has delivered a message, or lived for `provingMs`. */
  | { readonly status: 'open'; readonly transport: string; readonly since: number; readonly proven: boolean }
  /** Waiting for the next retry; `retry` is `null` in the back/forward cache. `offline`: `navigator.onLine` is also false. */
  | { readonly status: 'waiting' | 'offline'; readonly retry: Retry | null; readonly diagnosis: Diagnosis }
  /** Closed until `connect()`. `diagnosis` is `null` when the application closed the client. */
  | { readonly status: 'closed'; readonly code: number; readonly reason: string; readonly diagnosis: Diagnosis | null }

/** The members of each event, by event type. */
export interface EventDetails<In = Payload, Out = unknown> {
  /** Connected, for the first time or again. */
  open: {
    readonly transport: string
    /** The URL of the connection, without its query. */
    readonly url: string
    /** Whether the server resumed after the client's cursor, so no message was missed. */
    readonly resumed: boolean
    /**
     * In a session with `storage`: this page resumed the session of the previous page. Only on the first `open` event. `lost`
     * counts the unacknowledged messages of that page which were not stored (`storePayloads`) or may not be sent any more.
     */
    readonly restored?: { readonly lost: number }
    /** 0 for the first connect, n for the n-th retry of an outage. */
    readonly attempt: number
    /** The time from the dial to the open connection, in milliseconds. */
    readonly elapsedMs: number
  }
  message: {
    readonly data: In
    /** The message's id from the server; `''` if it has none. */
    readonly id: string
    /** The message's event name from the server (`event:` in SSE); `'message'` if it has none. */
    readonly name: string
    /** In a session: the topic of the message; `''` for a message to this client alone, and in plain mode. */
    readonly topic: string
    readonly transport: string
  }
  /** An attempt failed, a connection was lost, or a message could not be delivered. */
  error: {
    /** What failed: `'connection'` (or an attempt to make one), or only a `'message'` while the connection goes on. */
    readonly scope: 'connection' | 'message'
    readonly diagnosis: Diagnosis
    /** The next retry; `null` if there is none, or while another transport is still being tried. */
    readonly retry: Retry | null
    /** Messages that certainly did not reach the server, in the order of their `send()`. */
    readonly undelivered?: readonly Out[]
    /** Messages that were written and may or may not have arrived. The client never sends them twice. */
    readonly unconfirmed?: readonly Out[]
  }
  /** An open connection ended, or the client gave up or was closed. */
  close: {
    /** The close code (RFC 6455 §7.4); for an HTTP status s it is 4000 + s, for a lost network connection 1006. */
    readonly code: number
    /** The reason sent with the close code; `''` if there is none. */
    readonly reason: string
    /** Whether it ended in order (a Close frame, a complete response, the application) and was not cut off. */
    readonly wasClean: boolean
    /** Why the connection ended; `null` when the application closed it. */
    readonly diagnosis: Diagnosis | null
    readonly retry: Retry | null
    /** Whether the client stays closed until `connect()`. */
    readonly final: boolean
  }
  /** The connection moved to another transport without interruption. */
  transport: { readonly from: string; readonly to: string }
  /** Messages were missed that the server can no longer replay: in a session, or when a protocol of plain mode reports it. */
  gap: {
    /** The topic; `''` for messages to this client alone, and for a server without topics. */
    readonly topic: string
    /** The last offset before the gap; `null` if the server's log was restarted, or has no offsets. */
    readonly after: number | null
    /** The first offset after the gap; `null` if the server (plain mode) has no offsets. */
    readonly resumesAt: number | null
  }
  /** A follow-up question found out more about an earlier failure than the transport could see. */
  diagnosis: { readonly diagnosis: Diagnosis }
  /** `client.state` changed. */
  state: { readonly state: ClientState; readonly previous: ClientState }
}

export type EventType = keyof EventDetails

/**
 * An event of the client; with `'*'`, any event. It has `type` and `target` (the client) like a DOM event but is a plain object,
 * so that it is the same in a page, in a worker and in Node.
 */
export type RealtimeEvent<Type extends EventType | '*' = '*', In = Payload, Out = unknown, Target = unknown> = {
  readonly [K in EventType]: { readonly type: K; readonly target: Target } & EventDetails<In, Out>[K]
}[Type extends EventType ? Type : EventType]

export type EventListener<Type extends EventType | '*', In = Payload, Out = unknown, Target = unknown> =
  | ((event: RealtimeEvent<Type, In, Out, Target>) => void)
  | { handleEvent(event: RealtimeEvent<Type, In, Out, Target>): void }
