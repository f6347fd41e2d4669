/** What an application receives or, encoded, sends. */
export type Payload = string | ArrayBuffer

/** A message as a protocol reads it off the wire. */
export interface Received {
  readonly data: Payload
  /** The server's id of this message, if it gave one. */
  readonly id?: string | undefined
  /** The server's name for this kind of message (`event:` of an event stream). */
  readonly name?: string | undefined
  /** In a session: the topic, `''` for what was sent to this client alone. */
  readonly topic?: string | undefined
  /** Where to go on after this message. It is committed once the application has had the message. */
  readonly cursor?: string | undefined
}

/** What moves the place to go on from, without a message. */
export interface Moved {
  readonly cursor: string
  readonly data?: undefined
  /** The server says that it can no longer replay what was missed up to there: told by the event `gap`. */
  readonly gap?: Gap | undefined
}

/** Messages that were missed for good. */
export interface Gap {
  /** `''` for messages to this client alone, and where a server has no topics. */
  readonly topic: string
  /** The last offset before the gap; `null` where the server's log began anew, or numbers nothing. */
  readonly after: number | null
  /** The first offset behind it; `null` where the server numbers nothing. */
  readonly resumesAt: number | null
}

/** What a protocol is asked before every request that opens an attachment or, polling, continues it. */
export interface Question {
  /** The transport's `type`. */
  readonly transport: string
  /** Where the request leads, with what `prepare()` returned; what is asked for is put in the place of what has the same name in its query. */
  readonly url: URL
  /** Where to go on; `null` before there is one. */
  readonly cursor: string | null
  /** Whether the request stays on the page's own origin, so that own headers cost no CORS preflight. */
  readonly isSameOrigin: boolean
}

/** What the protocol adds to that request. */
export interface Ask {
  /** Several values under one name are a parameter for each. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  /** WebSocket subprotocols to offer. None unless the server is known to want one: many refuse unknown ones. */
  readonly subprotocols?: readonly string[]
}

/** A whole answer to a long-poll or poll, already judged to be one (200, 204, 304 or 408). */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The body: text, or bytes where the content type says so; `''` when there is none. */
  readonly body: Payload
}

/**
 * How one attachment is asked for and read, and what is sent beside it. Whatever a reader throws costs that message and is told by
 * `error`, but for `StopConnecting`: the server has said that nothing more will come, or that it will never let this client in, and
 * the client closes with the cause `client.stopped`.
 */
export interface Dialect {
  ask(question: Question): Ask
  /** The head of an event stream, before its first event, with the cursor that was asked for. */
  readHead?(head: { readonly headers: Headers; readonly cursor: string | null }): readonly Moved[]
  /** One WebSocket frame, or one chunk of a transport of your own. */
  readFrame(frame: Payload): readonly (Received | Moved)[]
  /** One event of an event stream, by the WHATWG rules. */
  readEvent(event: {
    readonly id: string | undefined
    readonly name: string | undefined
    readonly data: string
  }): readonly (Received | Moved)[]
  /** One whole answer. `cursor` is where to go on after it, also when it brought nothing. */
  readAnswer(answer: Answer): { readonly messages: readonly Received[]; readonly cursor?: string | undefined }
  /**
   * What a POST brings in the place of a message; `undefined` for the message as it is. A `Blob` and a `URLSearchParams` tell the server
   * their type.
   */
  body?(message: Payload | Blob): Payload | Blob | URLSearchParams | undefined
}

/**
 * What is peculiar to a kind of server: how to ask it, where its cursor is written and read, and what its frames mean.
 * Everything here is a pure function; the connection itself (dialling, falling back, retrying) is the same for all.
 */
export interface Protocol extends Dialect {
  readonly name: string
  /**
   * Whether an attachment on this transport can go on from a cursor, and whether that cursor is the same on all such
   * transports. Only then is a running connection moved to a better transport: without a cursor a move could lose messages.
   */
  resumes(transport: string): boolean
  /**
   * Where a frame is understood only with those before it: what one attachment is asked for and read by, in the place of the protocol
   * itself. It is made for each dial, since two attachments may live at once. `cursor` tells where to go on, moved by every attachment.
   */
  dialect?(cursor: () => string | null): Dialect
}
