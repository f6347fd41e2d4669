import type { Diagnosis } from '../diagnosis/diagnose.ts'
import type { Payload } from './protocol.ts'

/** When the next attempt will be made. */
export interface Retry {
  /** The number of this retry in the outage, from 1. */
  readonly attempt: number
  /** How long until then, in milliseconds; 0 when it was made at once. */
  readonly delayMs: number
  /** The time of the attempt, as from `Date.now()`. */
  readonly at: number
}

/** What the client is doing; one union, frozen, and replaced whole at every change. */
export type ClientState =
  /** Constructed, and waiting for `connect()`. */
  | { readonly status: 'idle' }
  /** Dialling the transports named, best first. `attempt`: 0 for the first connect, n for the n-th retry. */
  | { readonly status: 'connecting'; readonly attempt: number; readonly transports: readonly string[] }
  /** Connected. `proven` once it delivered a message or lived for five seconds. */
  | { readonly status: 'open'; readonly transport: string; readonly since: number; readonly proven: boolean }
  /** Not connected; `retry` is `null` while the page is in the back/forward cache. `offline`: the browser also reports no network. */
  | { readonly status: 'waiting' | 'offline'; readonly retry: Retry | null; readonly diagnosis: Diagnosis }
  /** Closed until `connect()`. `diagnosis` is `null` when the application closed the client. */
  | { readonly status: 'closed'; readonly code: number; readonly reason: string; readonly diagnosis: Diagnosis | null }

/** What the events carry, by type. */
export interface EventDetails<In = Payload, Out = unknown> {
  /** Connected, for the first time or again. */
  open: {
    readonly transport: string
    /** The URL of the connection, without its query. */
    readonly url: string
    /** Whether the server resumed after the client's cursor, so that no message was missed. */
    readonly resumed: boolean
    /**
     * In a session with `storage`: this page has gone on with the session of the page before it. Only with the first `open`. `lost` counts the
     * messages of that page which the server had not taken, and which were not stored (`storePayloads`) or may not be sent any more.
     */
    readonly restored?: { readonly lost: number }
    /** 0 for the first connect, n for the n-th retry of an outage. */
    readonly attempt: number
    readonly elapsedMs: number
  }
  message: {
    readonly data: In
    /** The server's id of the message; `''` if it gave none. */
    readonly id: string
    /** The server's name for this kind of message; `'message'` if it gave none. */
    readonly name: string
    /** In a session: the topic it was published to; `''` for what was sent to this client alone, and in plain mode. */
    readonly topic: string
    readonly transport: string
  }
  /** An attempt failed, a connection was lost, or a message could not be delivered. */
  error: {
    /** What is lost: an attempt or a `'connection'`, or a `'message'` while the connection is as it was. */
    readonly scope: 'connection' | 'message'
    readonly diagnosis: Diagnosis
    /** The next retry; `null` when there is none, or when another transport is still being tried. */
    readonly retry: Retry | null
    /** Messages that certainly did not reach the server, in order. */
    readonly undelivered?: readonly Out[]
    /** Messages handed to the network that may or may not have arrived. The client never sends them twice. */
    readonly unconfirmed?: readonly Out[]
  }
  /** An open connection ended, or the client gave up or was closed. */
  close: {
    /** The close code (RFC 6455 §7.4); an HTTP status s is 4000 + s; the loss of the network is 1006. */
    readonly code: number
    readonly reason: string
    readonly wasClean: boolean
    /** Why; `null` when the application closed it. */
    readonly diagnosis: Diagnosis | null
    readonly retry: Retry | null
    /** Whether the client stays closed until `connect()`. */
    readonly final: boolean
  }
  /** Moved to another transport without interruption. */
  transport: { readonly from: string; readonly to: string }
  /** Messages were missed that the server can no longer replay: in a session, or where a protocol of plain mode is told so. */
  gap: {
    /** `''` for messages to this client alone, and where a server has no topics. */
    readonly topic: string
    /** The last offset before the gap; `null` where the server's log began anew, or numbers nothing. */
    readonly after: number | null
    /** The first offset behind it; `null` where the server of plain mode numbers nothing. */
    readonly resumesAt: number | null
  }
  /** A follow-up request found out more about a failure than the transport could see. */
  diagnosis: { readonly diagnosis: Diagnosis }
  /** Any change of state. */
  state: { readonly state: ClientState; readonly previous: ClientState }
}

export type EventType = keyof EventDetails

/**
 * An event of the client; of type `'*'`, any of them. It looks like a DOM event, and is not one, so that it is the same in a page,
 * in a worker and in Node. `target` is the client.
 */
export type RealtimeEvent<Type extends EventType | '*' = '*', In = Payload, Out = unknown, Target = unknown> = {
  readonly [K in EventType]: { readonly type: K; readonly target: Target } & EventDetails<In, Out>[K]
}[Type extends EventType ? Type : EventType]

export type EventListener<Type extends EventType | '*', In = Payload, Out = unknown, Target = unknown> =
  | ((event: RealtimeEvent<Type, In, Out, Target>) => void)
  | { handleEvent(event: RealtimeEvent<Type, In, Out, Target>): void }
