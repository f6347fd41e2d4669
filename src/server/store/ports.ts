/** A message's payload as the server keeps it: text or bytes. */
export type Payload = string | Uint8Array

/** A message in a log. Bytes that were read belong to the log and are read-only; appended bytes remain the caller's. */
export interface Stored {
  /** An integer from 1 to 2^53 − 1, strictly increasing in its stream. */
  readonly offset: number
  readonly data: Payload
}

/** The entries that follow a position in a stream. */
export interface Reading<Entry = Stored> {
  /**
   * Identifies the stream's current incarnation: a log that was created anew takes a new epoch, so that no offset ever has two
   * meanings. Where possible, the log continues above the offsets of the previous epoch.
   */
  readonly epoch: string
  readonly messages: readonly Entry[]
  /** The highest offset that the log has lost or evicted; if it is above the requested position, there is a gap. */
  readonly lostThrough: number
  /** The end of the stream at the time of the read: if the last message has this offset, nothing follows it. */
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
  /** The log does not append a second message with the same key within 2 minutes or longer; it returns the first one's offset. */
  readonly key?: string | undefined
  /** How many of the topic's messages to keep, if that is less than the log keeps. */
  readonly maxMessages?: number | undefined
  /** How long to keep the topic's messages, in milliseconds, if that is less than the log keeps them. */
  readonly maxAgeMs?: number | undefined
}

/** An appended message. A log may omit the data of a large one, which is then read from the log. */
export interface TopicNews extends Position {
  /** The offset of the message before it: a reader at that position may take this one without reading the log. */
  readonly after: number
  readonly data?: Payload | undefined
}

/** The subscription that `watch()` returns. */
export interface Watch {
  /**
   * Resolves when the watch is in force: every later change is announced. `null` if it is in force already. Rejects if it cannot
   * be established now; the store keeps trying, and calls the listener with `null` when it succeeds.
   */
  readonly ready: Promise<void> | null
  /** Stops calling the listener. */
  stop(): void
}

/**
 * Topics, each an ordered log. A message is appended once, and each node reads it once, however many subscribers it has there.
 *
 * A log that may have lost its latest acknowledged messages (a replica was promoted, a server restarted without having written
 * everything to its disk) must detect it before it answers any call. It then continues every topic above all offsets that it can
 * have assigned before, and reports the range between as lost (`lostThrough`): readers get a gap, and no offset has two meanings.
 */
export interface TopicLog {
  /**
   * Resolves with the offset once the log holds the message. A rejected call may have succeeded; a retry needs a `key`.
   * @throws RangeError, as a rejection, for a message that is larger than the log takes
   */
  append(topic: string, data: Payload, options?: AppendOptions): Promise<number>
  /** Reads the messages after an offset, as many as the limits allow. */
  readAfter(topic: string, after: number, limits: ReadLimits): Promise<Reading>
  /**
   * The end of each topic: the offset of the last message ever appended, 0 for none. With `last`, the position before at most
   * that many of the newest messages that the log holds; `Infinity` for all of them.
   */
  tails(topics: readonly string[], last?: number): Promise<readonly Position[]>
  /**
   * Calls the listener at least once, soon after an append, never within the call that appended. `null` means that announcements
   * may have been missed: the caller must read the topic.
   */
  watch(topic: string, listener: (news: TopicNews | null) => void): Watch
}

/** A topic's stream that a session reads, in addition to its private stream. */
export interface Subscription {
  readonly stream: number
  readonly topic: string
  readonly epoch: string
  /** The offset after which the session reads. */
  readonly from: number
  /** The client's name for it, and its expiry by the store's clock; absent if the application subscribed the session. */
  readonly as?: string
  readonly until?: number
}

/** How an attachment or a session ended (rules 8 and 16). `network`: the connection broke or fell silent, or the session expired. */
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
  /** The client's address as limits count it, if it is anonymous. A store that does not evict by it need not keep it. */
  readonly address?: string
  /** The last result of `authenticate`, as JSON; the application has a copy of its own, which it may change. */
  readonly principal: unknown
  /**
   * When the client was last authenticated, in wall-clock milliseconds; 0 where authentication is not repeated; `null` after the
   * client was refused: then no attachment of the session stays open.
   */
  readonly authenticatedAt: number | null
  /** The application's data of the session, as JSON; the application has a copy of this too. */
  readonly data: unknown
  /** The highest n accepted, and the highest whose handler has settled. */
  readonly taken: number
  readonly done: number
  /** Messages up to this n may have been handed to a handler before. */
  readonly redeliveredThrough: number
  /** The offset in stream 0 of the last answer to a handled call (rule 21), if there was one. */
  readonly answeredAt?: number
  /**
   * The node that runs handlers: for messages taken and not done, for the session's start (no message is taken yet) or for its end;
   * `null` when none runs. That of a pinned session lasts from its start to its end, while its node is alive: `until` is 0 there.
   */
  readonly lease: { readonly node: string; readonly until: number } | null
  /** The number of the client's last decision which attachment carries the session, and its k; 0 before the first. */
  readonly turn: number
  readonly k: number
  readonly subscriptions: readonly Subscription[]
  /** The highest stream number assigned. */
  readonly lastStream: number
  readonly lastEnd: Ending | null
  /** Set once the session has ended; the record is kept for a while to refuse clients that return. */
  readonly ended: Ending | null
  /** The subprotocol of a WebSocket-shaped client, `''` if it has none; absent for other clients. */
  readonly protocol?: string
  /**
   * The highest `taken` that the record has shown, while `taken` is below it: a node has reset `taken` since it did not know of
   * those messages, and a client to which another node has reported it sends only what follows.
   */
  readonly takenBefore?: number
  /** The session stays on the node that its lease names (rule 20); absent if any node may handle it. */
  readonly isPinned?: true
}

/** An entry to append to a private stream. Stores keep it unchanged: only the server knows the kinds. */
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

/** A record with its version, which a compare-and-set write names. */
export interface Versioned {
  readonly record: SessionRecord
  readonly version: number
}

/** The version of a session's record, and the end of its private stream (0 if nothing was ever appended). */
export interface SessionState {
  readonly version: number
  readonly tail: number
}

/**
 * An announced change of a session: of its record (the version, 0 when it was removed), or of its private stream (the offset of
 * its last entry, and that entry, unless it is large). `null` means that announcements may have been missed.
 */
export type SessionNews =
  | { readonly version: number }
  | { readonly tail: number; readonly epoch: string; readonly entry?: PrivateAppend | undefined }
  | null

/** Returned synchronously if the result is available, so that the caller need not wait for a promise. */
export type Answer<Result> = Result | Promise<Result>

/**
 * Sessions: small records with compare-and-set and an expiry, their private streams, and notifications of changes by other nodes.
 *
 * A store that may have lost its latest acknowledged writes must detect it before it answers any call: it then drops all earlier
 * sessions, so that clients start over (rule 4), and never reuses a version.
 */
export interface SessionStore {
  /**
   * Identifies the store, in at most 64 letters, digits, `-` and `_`: the same on all nodes that share it, and a new one when the
   * store is created anew. Clients receive it and name it in their hellos, which reveals two servers at one URL without a common
   * store. `null` until the store is first reached.
   */
  readonly id: string | null
  /**
   * The store's clock in milliseconds, as closely as this node knows it. Leases and expiries use it, so that neither a node's own
   * clock nor a jump of it matters. It never goes backwards.
   */
  now(): number
  read(id: string): Promise<Versioned | null>
  /**
   * Writes the record in place of `before` if that is still the current version (`null`: if there is none), to be discarded at
   * `expiresAt` (of the store's clock) unless renewed. A store may skip `principal`, `data` and `subscriptions` where both
   * records hold the same values. Resolves with the new version, or with `null` if another writer was first.
   */
  write(id: string, record: SessionRecord, before: Versioned | null, expiresAt: number): Answer<number | null>
  /**
   * Postpones the expiry of sessions without changing their records or versions; never moves it earlier, since another node may
   * have set a later one. Resolves with each session's state, or `null` if it is gone, so that the node detects changes whose
   * announcement was lost.
   */
  renew(ids: readonly string[], expiresAt: number): Promise<readonly (SessionState | null)[]>
  /** Deletes the record and the private stream if the version is still `ifVersion`; resolves with whether it did. */
  remove(id: string, ifVersion: number): Promise<boolean>
  /** Appends to the private stream; resolves with the offset, or with `null` if the session has ended or has another epoch. */
  append(id: string, epoch: string, entry: PrivateAppend): Answer<number | null>
  /** Reads the private stream after an offset, as much as the limits allow; `null` if there is no such session. */
  readAfter(id: string, after: number, limits: ReadLimits): Promise<Reading<PrivateEntry> | null>
  /** Discards the entries of the private stream up to an offset. */
  trim(id: string, through: number): Promise<void>
  /** The number of sessions that have not ended: of one principal, and of all. */
  count(principalId: string): Promise<{ readonly ofPrincipal: number; readonly all: number }>
  /** The ids of a principal's sessions that have not ended, in any order. */
  sessionsOf(principalId: string): Promise<readonly string[]>
  /** Ids of expired sessions, so that a node can end them; a store may discard a session only after its id was returned here. */
  expired(now: number, limit: number): Promise<readonly string[]>
  /**
   * Calls the listener at least once, soon after any node has changed the session, never within the call that changed it; of
   * several appended entries it may announce only the last.
   */
  watch(id: string, listener: (news: SessionNews) => void): Watch
}
