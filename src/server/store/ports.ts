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
   * Identifies the stream's current incarnation: a log that was created anew takes a new epoch, so that no offset ever has two meanings.
   * Where the log can, it continues above the offsets of the previous epoch.
   */
  readonly epoch: string
  readonly messages: readonly Entry[]
  /** The highest offset that the log once held and holds no more; if it is above the requested position, there is a gap. */
  readonly lostThrough: number
  /** The end of the stream at the time of the read: nothing follows the messages if the last of them has this offset. */
  readonly tail: number
}

/** How much to read at once; at least one message is returned, however large it is. */
export interface ReadLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

/** A position in a topic: messages with a higher offset follow it. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/** How a topic keeps a message that is appended. */
export interface AppendOptions {
  /** What was appended to the topic under the same key in the log's window (2 minutes at least) is not appended again: its offset is returned. */
  readonly key?: string | undefined
  /** How many of the topic's messages are kept, if that is less than the log keeps. */
  readonly maxMessages?: number | undefined
  /** How long the topic's messages are kept, in milliseconds, if that is less than the log keeps them. */
  readonly maxAgeMs?: number | undefined
}

/** A message that was appended to a topic. A log may omit the data of a large one, which is then to be read. */
export interface TopicNews extends Position {
  /** The offset of the message before it: a reader at that position may take this one without reading the log. */
  readonly after: number
  readonly data?: Payload | undefined
}

/** A listener given to `watch()`. */
export interface Watch {
  /**
   * Resolves when the watch is in force: every later change is announced. `null` if it is in force already. Rejects if it cannot be
   * established now; the store tries on, and announces `null` when it has succeeded.
   */
  readonly ready: Promise<void> | null
  /** The listener is not called any more. */
  stop(): void
}

/**
 * Topics, each an ordered log. A message is appended once, and each node reads it once, however many subscribers it has there.
 *
 * A log that may have lost the end of what it had acknowledged (a replica was promoted, a server restarted without having written
 * everything to its disk) must notice it before it answers anything else. It then continues every topic above all offsets that it can have
 * given out before, and reports what lies between as lost (`lostThrough`): readers meet a gap, and no offset has two meanings.
 */
export interface TopicLog {
  /**
   * Resolves with the message's offset once the log holds it. A call that rejects may have succeeded all the same (unless it has a `key`).
   * @throws RangeError, as a rejection, for a message that is larger than the log takes
   */
  append(topic: string, data: Payload, options?: AppendOptions): Promise<number>
  readAfter(topic: string, after: number, limits: ReadLimits): Promise<Reading>
  /**
   * The end of each topic: the offset of the last message ever appended, 0 for none. With `last`, the position that is followed by no more
   * than that many of the messages that the log holds; `Infinity` for all of them.
   */
  tails(topics: readonly string[], last?: number): Promise<readonly Position[]>
  /**
   * Calls the listener, soon and at least once, after an append, never within the call that appended. `null` says that announcements may
   * have been missed: the topic is to be read.
   */
  watch(topic: string, listener: (news: TopicNews | null) => void): Watch
}

/** A topic's stream that a session reads, in addition to its private one. */
export interface Subscription {
  readonly stream: number
  readonly topic: string
  readonly epoch: string
  /** The offset after which the session reads. */
  readonly from: number
  /** What the client calls it, and until when it may have it by the store's clock; absent where the application subscribed the session. */
  readonly as?: string
  readonly until?: number
}

/** How an attachment or a session ended (rules 8 and 16). */
export interface Ending {
  readonly by: 'client' | 'server' | 'network'
  readonly code: number
  readonly reason: string
}

/**
 * The whole state of a session; plain JSON. Records are immutable: neither their writer nor their reader changes them or anything in
 * them. A store may keep `principal`, `data` and `subscriptions`, which may be large and seldom change, apart from the rest, which changes
 * with each message.
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
  /** The offset in stream 0 of the last answer to what was handled (rule 21), if there was one. */
  readonly answeredAt?: number
  /**
   * The node that runs handlers: for messages taken and not done, for the session's start (no message is taken yet) or for its end;
   * `null` when no handler runs. That of a pinned session lasts from its start to its end, and for as long as its node is alive: `until`
   * is 0 there.
   */
  readonly lease: { readonly node: string; readonly until: number } | null
  /**
   * The number of the client's last decision which attachment carries the session, and that attachment's k; 0 while there was none.
   */
  readonly turn: number
  readonly k: number
  readonly subscriptions: readonly Subscription[]
  /** The highest stream number assigned. */
  readonly lastStream: number
  readonly lastEnd: Ending | null
  /** Set once the session has ended; the record is kept for a while to tell clients that return. */
  readonly ended: Ending | null
  /** The subprotocol of a WebSocket-shaped client, `''` if it has none; absent for other clients. */
  readonly protocol?: string
  /**
   * The highest `taken` that the record has shown, while `taken` is below it: a node has taken back what it did not know to be taken, and a
   * client that another node has told of it sends what follows.
   */
  readonly takenBefore?: number
  /** The session stays on the node that its lease names (rule 20); absent where any node may handle it. */
  readonly isPinned?: true
}

/** What is appended to a private stream. Stores keep it as it is: only the server knows the kinds. */
export interface PrivateAppend {
  readonly kind: string
  /** A JSON value. */
  readonly meta?: unknown
  readonly data?: Payload | undefined
}

/** An entry of a session's private stream. */
export interface PrivateEntry extends PrivateAppend {
  readonly offset: number
}

/** A record with the version by which it can be replaced. */
export interface Versioned {
  readonly record: SessionRecord
  readonly version: number
}

/** Where a session stands: the version of its record, and the end of its private stream (0 if that is empty and always was). */
export interface SessionState {
  readonly version: number
  readonly tail: number
}

/**
 * A change of a session: of its record (the version, 0 when it was removed), or of its private stream (the offset of its last entry, and
 * that entry, unless it is large). `null` says that announcements may have been missed.
 */
export type SessionNews =
  | { readonly version: number }
  | { readonly tail: number; readonly epoch: string; readonly entry?: PrivateAppend | undefined }
  | null

/** Returned synchronously where the result is at hand, so that the caller need not wait for a promise. */
export type Answer<Result> = Result | Promise<Result>

/**
 * Sessions: small records with compare-and-set and an expiry, their private streams, and notifications of changes on other nodes.
 *
 * A store that may have lost the end of what it had acknowledged must notice it before it answers anything else: it then has no session of
 * before, so that clients begin again (rule 4), and uses no version twice.
 */
export interface SessionStore {
  /**
   * Identifies the store, in at most 64 letters, digits, `-` and `_`: the same on all nodes that share it, and a new one when the store
   * is created anew. Clients receive it and name it in their hellos: two servers at one URL without a common store are detected by it.
   * `null` until the store was reached for the first time.
   */
  readonly id: string | null
  /**
   * The store's clock in milliseconds, as well as this node knows it: leases and expiries use it, so that neither a node's own clock nor
   * a jump of it matters. It never goes backwards.
   */
  now(): number
  read(id: string): Promise<Versioned | null>
  /**
   * Writes the record in place of `before` if that is still the current version (`null`: if there is none), to be discarded at
   * `expiresAt` (of the store's clock) unless renewed. What both records share (`principal`, `data` and `subscriptions` are the same
   * values) need not be written again. Resolves with the new version, or with `null` if another writer was first.
   */
  write(id: string, record: SessionRecord, before: Versioned | null, expiresAt: number): Answer<number | null>
  /**
   * Postpones the expiry of sessions without changing their records or versions; never moves it earlier, since another node may have set
   * a later one. Resolves with where each of them stands, or `null` for one that is gone, so that changes whose announcement was lost are
   * noticed.
   */
  renew(ids: readonly string[], expiresAt: number): Promise<readonly (SessionState | null)[]>
  /** Deletes the record and the private stream if the version is still `ifVersion`; resolves with whether it was. */
  remove(id: string, ifVersion: number): Promise<boolean>
  /** Appends to the private stream; resolves with the offset, or with `null` if the session has ended or that epoch of it is gone. */
  append(id: string, epoch: string, entry: PrivateAppend): Answer<number | null>
  readAfter(id: string, after: number, limits: ReadLimits): Promise<Reading<PrivateEntry> | null>
  trim(id: string, through: number): Promise<void>
  /** The number of sessions that have not ended: of one principal, and of all. */
  count(principalId: string): Promise<{ readonly ofPrincipal: number; readonly all: number }>
  /** The ids of a principal's sessions that have not ended, in any order. */
  sessionsOf(principalId: string): Promise<readonly string[]>
  /** Ids of sessions that have expired, so that a node can end them; a store may discard a session only after its id was returned here. */
  expired(now: number, limit: number): Promise<readonly string[]>
  /**
   * Calls the listener, soon and at least once, after any node has changed the session, never within the call that changed it; of several
   * appended entries it may announce only the last.
   */
  watch(id: string, listener: (news: SessionNews) => void): Watch
}
