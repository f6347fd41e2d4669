import type { Ledger } from '../api/evidence.ts'
import type { Payload } from '../api/protocol.ts'
import type { CloseFrame, Hello } from '../wire/steadfast-v1.ts'

/** One attempt of a client to connect, whether it was accepted or not. */
export interface Dial {
  /** `websocket`, `sse` or `poll`. The requests of a long-poll are those of a poll, so it has that name here. */
  readonly transport: 'websocket' | 'sse' | 'poll'
  /** Where it led, with what `prepare()` and the options added to the query. */
  readonly url: URL
  /** The headers that the client set, by their lower-case names; none over WebSocket, which has none. */
  readonly headers: Readonly<Record<string, string>>
  /** The subprotocols that a WebSocket offered, without the session's hello. */
  readonly subprotocols: readonly string[]
  /** In a session: what `prepare()` returned as `auth`. */
  readonly auth: unknown
}

/** How a dial is refused. */
export type Refusal =
  /**
   * By an HTTP status, as a proxy, a gateway or a handler in front does it. A page sees it over SSE and polling; of a WebSocket
   * it sees a close with 1006.
   */
  | { readonly status: number; readonly retryAfterMs?: number; readonly contentType?: string; readonly body?: string }
  /**
   * By a close code, as the application's own server does it: a WebSocket is accepted and closed, and an HTTP request is answered
   * with the status that belongs to the code.
   */
  | { readonly code: number; readonly reason?: string; readonly retryAfterMs?: number }

/** What becomes of a dial. */
export type DialAnswer =
  | 'accept'
  /** Nobody is there: the connection is refused at once. */
  | 'unreachable'
  /** Nobody says anything, until the client's time limit ends the attempt. */
  | 'silence'
  | Refusal

/** How a connection ended, as the server saw it. */
export interface Ending {
  /** `network`: it broke, without a word from either side. */
  readonly by: 'client' | 'server' | 'network'
  /** The close code; 1005 where the client gave none, 1006 where it broke. */
  readonly code: number
  readonly reason: string
}

/** What an event stream can say of a message beside its data. */
export interface MessageDetails {
  /** In a session: the topic that the client's event names. The first message of a topic subscribes the session to it. */
  readonly topic?: string
  /** Over SSE in plain mode: the message's id, with which the client resumes. */
  readonly id?: string
  /** Over SSE in plain mode: the event's name. */
  readonly name?: string
}

/** Who is told of what comes over a wire. */
export interface Receiver {
  received(data: Payload): void
  ended(ending: Ending): void
}

/** One way to a client. */
export interface Wire {
  /** Whether it takes bytes (WebSocket) or text alone (an event stream, an answer). */
  readonly takesBytes: boolean
  /** Whether the client has hung up, and the server does not know it yet. */
  readonly isLeft: boolean
  accept(receiver: Receiver): void
  refuse(answer: Exclude<DialAnswer, 'accept'>): void
  write(data: Payload, details?: MessageDetails): void
  /** Ends it in order. */
  end(close: CloseFrame): void
  /** Breaks it. */
  cut(): void
}

/** What the fake transports tell the server. */
export interface Door {
  /** A client dials; `hello` is that of a session. Whether it was accepted. */
  dialled(dial: Dial, wire: Wire, hello: Hello | null): boolean
  /** What would become of a request that is no dial: a POST, a question about a failure. */
  answerTo(dial: Dial): DialAnswer
  /** In a session: what the server saw of an attempt (docs/PROTOCOL.md, rule 15). What refuses by a status stands in front of it. */
  ledgerOf(attempt: string): Ledger
  /** A plain message came by a request of its own. */
  posted(data: Payload, wire: Wire | null): void
  /** Lines of a session came by a request of their own; what is acknowledged then. */
  postedLines(
    hello: Hello,
    lines: readonly string[],
  ): { readonly taken: number; readonly ack: number; readonly answeredAt?: number }
  /** A client of a session asks again over an attachment that polls. */
  asksAgain(wire: Wire, hello: Hello): void
  /** Runs something once, later, unless the server is closed before. */
  after(delayMs: number, run: () => void): () => void
  report(error: unknown): void
}
