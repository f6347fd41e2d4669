/** A message as it is received, or sent after encoding. */
export type Payload = string | ArrayBuffer

/** A message as a protocol reads it from the wire. */
export interface Received {
  readonly data: Payload
  /** The message's id from the server, if it has one. */
  readonly id?: string | undefined
  /** The message's event name from the server (`event:` of an event stream). */
  readonly name?: string | undefined
  /** In a session: the topic; `''` for a message to this client alone. */
  readonly topic?: string | undefined
  /** The cursor after this message. The client commits it after it has emitted the message. */
  readonly cursor?: string | undefined
}

/** A new cursor without a message. */
export interface Moved {
  readonly cursor: string
  readonly data?: undefined
  /** The server can no longer replay the messages up to there; the client raises the event `gap`. */
  readonly gap?: Gap | undefined
}

/** Missed messages that the server can no longer replay. */
export interface Gap {
  /** The topic; `''` for messages to this client alone, and for a server without topics. */
  readonly topic: string
  /** The last offset before the gap; `null` if the server's log was restarted, or has no offsets. */
  readonly after: number | null
  /** The first offset after the gap; `null` if the server has no offsets. */
  readonly resumesAt: number | null
}

/** The argument of `ask()`, which is called before every request that opens an attachment or continues it by polling. */
export interface Question {
  /** The transport's `type`. */
  readonly transport: string
  /** The URL of the request, with the parameters from `prepare()`; those from `ask()` replace parameters of the same name. */
  readonly url: URL
  /** The cursor to resume from; `null` if there is none yet. */
  readonly cursor: string | null
  /** Whether the request is same-origin, so that custom headers cost no CORS preflight. */
  readonly isSameOrigin: boolean
}

/** What the protocol adds to a request: the result of `ask()`. */
export interface Ask {
  /** Query parameters; a list of values becomes one parameter for each. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  /** WebSocket subprotocols to offer. Offer none unless the server wants one: many servers refuse unknown ones. */
  readonly subprotocols?: readonly string[]
}

/** A complete response to a long-poll or poll, whose status (200, 204, 304 or 408) was checked already. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The body: text if the content type is one of text (`text/*`, JSON, XML and the like) or missing, else bytes; `''` if it is empty. */
  readonly body: Payload
}

/**
 * How one attachment is requested and read, and how messages are POSTed beside it. All functions are synchronous. If a reader
 * throws, or returns no list of objects, that message is lost and reported by an `error` event. If it throws `StopConnecting`,
 * because the server has said that nothing more will come or that it will never accept this client, the client closes with the
 * cause `client.stopped`. If `ask()` throws, the client closes as well; if `body()` throws, its message is undelivered.
 */
export interface Dialect {
  ask(question: Question): Ask
  /** Reads the head of an event stream, before its first event; `cursor` is the requested one. */
  readHead?(head: { readonly headers: Headers; readonly cursor: string | null }): readonly Moved[]
  /** Reads one WebSocket message, or one chunk of a transport of your own. */
  readFrame(frame: Payload): readonly (Received | Moved)[]
  /** Reads one event of an event stream, parsed by the WHATWG rules. */
  readEvent(event: {
    readonly id: string | undefined
    readonly name: string | undefined
    readonly data: string
  }): readonly (Received | Moved)[]
  /** Reads one complete response. Returns its messages and the cursor after it, also if it has no messages. */
  readAnswer(answer: Answer): { readonly messages: readonly (Received | Moved)[]; readonly cursor?: string | undefined }
  /**
   * Returns the POST body for a message; `undefined` sends the message unchanged. A `Blob` and a `URLSearchParams` set the
   * request's content type.
   */
  body?(message: Payload | Blob): Payload | Blob | URLSearchParams | undefined
}

/**
 * The dialect of a kind of server in plain mode: how requests are written, where the cursor is sent and read, and what frames
 * mean. All members are pure functions; the connection itself (dialling, falling back, retrying) is the same for all protocols.
 */
export interface Protocol extends Dialect {
  readonly name: string
  /**
   * Whether an attachment on this transport can resume from a cursor, and the cursor is the same on all such transports. Only
   * then does the client move an open connection to a better transport: without a cursor a move could lose messages.
   */
  resumes(transport: string): boolean
  /**
   * For protocols whose frames depend on earlier ones: creates the object that requests and reads one attachment instead of the
   * protocol itself. Called for each dial, since two attachments may be open at once; `cursor` returns their shared cursor.
   */
  dialect?(cursor: () => string | null): Dialect
}
