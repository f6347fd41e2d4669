import type { Ledger } from '../api/evidence.ts'
import type { Payload } from '../api/protocol.ts'
import type { CloseFrame, Hello } from '../wire/steadfast-v1.ts'

/** One attempt of a client to connect, whether it was accepted or not. */
export interface Dial {
  /** `websocket`, `sse` or `poll`; `poll` stands for long-poll as well, whose requests are the same. */
  readonly transport: 'websocket' | 'sse' | 'poll'
  /** The dialled URL, including the query from `prepare()` and the options. */
  readonly url: URL
  /** The headers set by the client, by lower-case name; none over WebSocket, which cannot set any. */
  readonly headers: Readonly<Record<string, string>>
  /** The subprotocols offered by a WebSocket, without the session's hello. */
  readonly subprotocols: readonly string[]
  /** In a session: the `auth` returned by `prepare()`. */
  readonly auth: unknown
}

/** How a dial is refused. */
export type Refusal =
  /**
   * By an HTTP status, as from a proxy, a gateway or a handler in front of the server. A page sees it over SSE and polling; over
   * WebSocket it sees a close with 1006.
   */
  | { readonly status: number; readonly retryAfterMs?: number; readonly contentType?: string; readonly body?: string }
  /**
   * By a close code, as from the application's own server: a WebSocket is accepted and closed, and an HTTP request is answered
   * with the status for that code.
   */
  | { readonly code: number; readonly reason?: string; readonly retryAfterMs?: number }

/** The outcome of a dial. */
export type DialAnswer =
  | 'accept'
  /** There is no server: the connection is refused at once. */
  | 'unreachable'
  /** There is no answer, until the client's timeout ends the attempt. */
  | 'silence'
  | Refusal

/** How a connection ended, as the server saw it. */
export interface Ending {
  /** `network`: the connection broke, without a close from either side. */
  readonly by: 'client' | 'server' | 'network'
  /** The close code; 1005 if the client gave none, 1006 if the connection broke. */
  readonly code: number
  readonly reason: string
}

/** The details of a message besides its data. */
export interface MessageDetails {
  /** In a session: the topic of the client's event. The first message of a topic subscribes the session to it. */
  readonly topic?: string
  /** Over SSE in plain mode: the message's id, from which the client resumes. */
  readonly id?: string
  /** Over SSE in plain mode: the event's name. */
  readonly name?: string
}

/** Receives the data of a wire, and its end. */
export interface Receiver {
  received(data: Payload): void
  ended(ending: Ending): void
}

/** The server's end of one transport to a client. */
export interface Wire {
  /** Whether it carries bytes (WebSocket) or text only (an event stream, a response). */
  readonly takesBytes: boolean
  /** Whether the client has disconnected and the server does not know it yet. */
  readonly isLeft: boolean
  accept(receiver: Receiver): void
  refuse(answer: Exclude<DialAnswer, 'accept'>): void
  write(data: Payload, details?: MessageDetails): void
  /** Closes it in order. */
  end(close: CloseFrame): void
  /** Breaks it, as a network does. */
  cut(): void
}

/** The server as the fake transports use it. */
export interface Door {
  /** Takes a dial; `hello` is that of a session. Returns whether it was accepted. */
  dialled(dial: Dial, wire: Wire, hello: Hello | null): boolean
  /** The answer to a request that is not a dial: a POST, or a follow-up question about a failure. */
  answerTo(dial: Dial): DialAnswer
  /** In a session: the ledger of an attempt (docs/PROTOCOL.md, rule 15). A status comes from a proxy: the server saw nothing. */
  ledgerOf(attempt: string): Ledger
  /** Takes a plain message sent in a separate request. */
  posted(data: Payload, wire: Wire | null): void
  /** Takes lines of a session sent in a separate request; returns what is acknowledged. */
  postedLines(
    hello: Hello,
    lines: readonly string[],
  ): { readonly taken: number; readonly ack: number; readonly answeredAt?: number }
  /** Takes another request of a polling attachment. */
  asksAgain(wire: Wire, hello: Hello): void
  /** Runs a function once, after a delay, unless the server is closed before. */
  after(delayMs: number, run: () => void): () => void
  report(error: unknown): void
}
