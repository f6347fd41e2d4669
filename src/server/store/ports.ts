/** A message's payload as the server keeps it: text or bytes. */
export type Payload = string | Uint8Array

/** A message in a log. Bytes that were read belong to the log and must not be written to; bytes that are appended remain the caller's. */
export interface Stored {
  /** An integer from 1 to 2^53 − 1, strictly increasing in its stream. */
  readonly offset: number
  readonly data: Payload
}

/** The entries that follow a position in a stream. */
export interface Reading<Entry = Stored> {
  /**
   * Identifies the stream's current incarnation: a log that lost its tail takes a new epoch, so that no offset ever has two meanings.
   * Where the log can, it continues above the offsets of the previous epoch.
   */
  readonly epoch: string
  readonly messages: readonly Entry[]
  /** The highest offset that the log once held and holds no more; if it is above the requested position, there is a gap. */
  readonly lostThrough: number
}

/** How much to read at once; at least one message is returned, however large it is. */
export interface ReadLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

/** Topics, each an ordered log. A message is appended once, and each node reads it once, however many subscribers it has there. */
export interface TopicLog {
  /** Resolves with the message's offset once the log holds it. */
  append(topic: string, data: Payload): Promise<number>
  readAfter(topic: string, after: number, limits: ReadLimits): Promise<Reading>
  /** The end of the topic: the offset of the last message ever appended, 0 for none. */
  tail(topic: string): Promise<{ readonly epoch: string; readonly offset: number }>
  /** Calls `listener`, soon and at least once, after an append; returns a function that stops watching. */
  watch(topic: string, listener: () => void): () => void
}

/** A topic's stream that a session reads, in addition to its private one. */
export interface Subscription {
  readonly stream: number
  readonly topic: string
  readonly epoch: string
  /** The offset after which the session reads. */
  readonly from: number
}

/** How an attachment or a session ended (rules 8 and 16). */
export interface Ending {
  readonly by: 'client' | 'server' | 'network'
  readonly code: number
  readonly reason: string
}

/**
 * The whole state of a session; plain JSON. Records are immutable: neither their writer nor their reader changes them or anything in
 * them.
 */
export interface SessionRecord {
  readonly epoch: string
  /** The id of the principal that made the session. */
  readonly principalId: string
  /** What `authenticate` returned last, as JSON; the application has a copy of its own, which it may change. */
  readonly principal: unknown
  /**
   * When the client was last authenticated, in wall-clock milliseconds; 0 where authentication is not repeated; `null` after the client
   * was refused: then no attachment of the session stays open.
   */
  readonly authenticatedAt: number | null
  /** The application's state of the session, as JSON; the application has a copy of this too. */
  readonly data: unknown
  /** The highest n accepted, and the highest whose handler has settled. */
  readonly taken: number
  readonly done: number
  /** Messages up to this n may have been handed to a handler before. */
  readonly redeliveredThrough: number
  /**
   * The node that runs handlers: for messages taken and not done, for the session's start (no message is taken yet) or for its end;
   * `null` when no handler runs.
   */
  readonly lease: { readonly node: string; readonly until: number } | null
  /**
   * The number of the client's last decision which attachment carries the session, and that attachment's k; 0 while none was ever
   * confirmed.
   */
  readonly turn: number
  readonly k: number
  readonly subscriptions: readonly Subscription[]
  /** The highest stream number assigned. */
  readonly lastStream: number
  readonly lastEnd: Ending | null
  /** Set once the session has ended; the record is kept for a while to tell clients that return. */
  readonly ended: Ending | null
}

/** An entry of a session's private stream: a message, or a change of its subscriptions. */
export type PrivateEntry =
  | { readonly offset: number; readonly data: Payload }
  | { readonly offset: number; readonly subscribed: Subscription }
  | { readonly offset: number; readonly unsubscribed: { readonly stream: number } }

/** What is appended to a private stream: an entry without its offset. */
export type PrivateAppend =
  | { readonly data: Payload }
  | { readonly subscribed: Subscription }
  | { readonly unsubscribed: { readonly stream: number } }

/** A record with the version by which it can be replaced. */
export interface Versioned {
  readonly record: SessionRecord
  readonly version: number
}

/** A change of a session: of its record (the version, 0 when it was removed), or of its private stream (the offset of its last entry). */
export type SessionNews = { readonly version: number } | { readonly tail: number }

/** Returned synchronously where the result is at hand, so that the caller need not wait for a promise. */
export type Answer<Result> = Result | Promise<Result>

/** Sessions: small records with compare-and-set and an expiry, their private streams, and notifications of changes on other nodes. */
export interface SessionStore {
  /**
   * Identifies the store, in at most 64 letters, digits, `-` and `_`: the same on all nodes that share it, and a new one when the store
   * is created anew. Clients receive it and name it in their hellos: two servers at one URL without a common store are detected by it.
   */
  readonly id: string
  /**
   * The store's clock in milliseconds, as well as this node knows it: leases and expiries use it, so that neither a node's own clock nor
   * a jump of it matters. It never goes backwards.
   */
  now(): number
  read(id: string): Promise<Versioned | null>
  /**
   * Writes the record if its version is still `ifVersion` (0: if there is none), to be discarded at `expiresAt` (of the store's clock)
   * unless renewed. Resolves with the new version, or with `null` if another writer was first.
   */
  write(id: string, record: SessionRecord, ifVersion: number, expiresAt: number): Answer<number | null>
  /**
   * Postpones the expiry without changing the record or its version; never moves it earlier, since another node may have set a later one.
   */
  renew(id: string, expiresAt: number): Promise<void>
  /** Deletes the record and the private stream if the version is still `ifVersion`; resolves with whether it was. */
  remove(id: string, ifVersion: number): Promise<boolean>
  /**
   * Appends to the private stream of a session; resolves with the offset, or with `null` if the session has ended or that epoch of it is
   * gone.
   */
  append(id: string, epoch: string, entry: PrivateAppend): Answer<number | null>
  readAfter(id: string, after: number, limits: ReadLimits): Promise<Reading<PrivateEntry> | null>
  trim(id: string, through: number): Promise<void>
  /** The number of sessions that have not ended, in total or of one principal. */
  count(principalId?: string): Promise<number>
  /** Ids of sessions that have expired, so that a node can end them; a store may discard a session only after its id was returned here. */
  expired(now: number, limit: number): Promise<readonly string[]>
  /**
   * Calls `listener`, soon and at least once, after any node has changed the session; of several appended entries it may report only the
   * last. Returns a function that stops watching.
   */
  watch(id: string, listener: (news: SessionNews) => void): () => void
}
