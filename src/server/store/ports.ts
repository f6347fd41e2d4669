/** What the server keeps of a message: text, or bytes. */
export type Payload = string | Uint8Array

/** A message in a log. Bytes that were read are the log's own, and are not written to; bytes that are appended stay the caller's. */
export interface Stored {
  /** An integer from 1 to 2^53 − 1, strictly increasing in its stream. */
  readonly offset: number
  readonly data: Payload
}

/** What follows a position in a stream. */
export interface Reading<Entry = Stored> {
  /**
   * Names the stream's present life: a log that lost its tail takes a new one, so that no offset ever means two things. Where a log can,
   * offsets go on above those of the life before.
   */
  readonly epoch: string
  readonly messages: readonly Entry[]
  /** The highest offset that the log held once and holds no more; above the position asked for it means a gap. */
  readonly lostThrough: number
}

/** How much to read at once; one message always comes, however large. */
export interface ReadLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

/** Topics, each an ordered log. A topic is written once and read once by each node, whatever the number of its subscribers. */
export interface TopicLog {
  /** Resolves with the message's offset once the log holds it. */
  append(topic: string, data: Payload): Promise<number>
  readAfter(topic: string, after: number, limits: ReadLimits): Promise<Reading>
  /** Where the topic ends: the offset of the last message ever appended, 0 for none. */
  tail(topic: string): Promise<{ readonly epoch: string; readonly offset: number }>
  /** Calls back, soon and at least once, after something was appended; returns the way to stop. */
  watch(topic: string, listener: () => void): () => void
}

/** A stream that a session reads, beside its private one. */
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

/** All that there is to know of a session; plain JSON. A value: who has written or read one does not change it, nor anything in it. */
export interface SessionRecord {
  readonly epoch: string
  /** The id of the principal that made it. */
  readonly principalId: string
  /** What `authenticate` returned last, as JSON; its own copy belongs to the application, and may be changed. */
  readonly principal: unknown
  /**
   * When the client was authenticated last, in wall-clock milliseconds, told only where that is checked again (otherwise 0);
   * `null` after it was refused: then nothing of it stays open.
   */
  readonly authenticatedAt: number | null
  /** The application's own state of it, as JSON; likewise. */
  readonly data: unknown
  /** The highest n accepted, and the highest whose handler has settled. */
  readonly taken: number
  readonly done: number
  /** Messages up to this n may have been handed to a handler before. */
  readonly redeliveredThrough: number
  /**
   * The node whose handlers run for what is taken and not done, for the session's beginning (then nothing is taken) or its end;
   * `null` when nothing runs.
   */
  readonly lease: { readonly node: string; readonly until: number } | null
  /** The client's last decision which attachment carries it, and that attachment's k; 0 while none was ever confirmed. */
  readonly turn: number
  readonly k: number
  readonly subscriptions: readonly Subscription[]
  /** The highest stream number given out. */
  readonly lastStream: number
  readonly lastEnd: Ending | null
  /** Set once it is over; it is kept for a while to be told to whoever comes back. */
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

/** What has changed about a session: the record (its version, 0 when it was removed), or its private stream (the offset of its last entry). */
export type SessionNews = { readonly version: number } | { readonly tail: number }

/** Given at once where it is at hand, so that nobody has to wait for the turn of a promise. */
export type Answer<Result> = Result | Promise<Result>

/** Sessions: small records with compare-and-set and an expiry, their private streams, and a way to hear of changes on other nodes. */
export interface SessionStore {
  /**
   * Names the store, in at most 64 letters, digits, `-` and `_`: the same on all nodes that share it, and another once it was made anew.
   * Clients are told it, so that two servers at one URL that do not share a store are found.
   */
  readonly id: string
  /**
   * The store's clock in milliseconds, as well as this node knows it: leases and expiries are times of it, so that neither the clock
   * of a node nor a jump of it matters. It is never set back.
   */
  now(): number
  read(id: string): Promise<Versioned | null>
  /**
   * Writes the record if its version is still `ifVersion` (0: if there is none), to be forgotten at `expiresAt` (of the store's
   * clock) unless renewed. Resolves with the new version, or with `null` where somebody else was first.
   */
  write(id: string, record: SessionRecord, ifVersion: number, expiresAt: number): Answer<number | null>
  /** Puts the expiry off without changing the record or its version; never brings it forward: another node may know of more. */
  renew(id: string, expiresAt: number): Promise<void>
  /** Forgets the record and the private stream, if the version is still this one; resolves with whether it was. */
  remove(id: string, ifVersion: number): Promise<boolean>
  /** Appends to the private stream of a session; resolves with the offset, or with `null` where it has ended, or that life of it is gone. */
  append(id: string, epoch: string, entry: PrivateAppend): Answer<number | null>
  readAfter(id: string, after: number, limits: ReadLimits): Promise<Reading<PrivateEntry> | null>
  trim(id: string, through: number): Promise<void>
  /** How many sessions there are that have not ended, in all or of one principal. */
  count(principalId?: string): Promise<number>
  /** Ids of sessions whose expiry has passed, so that one node can end them; a store may forget them only after they were given out. */
  expired(now: number, limit: number): Promise<readonly string[]>
  /**
   * Calls back, soon and at least once, after a session changed, by whomever; of several entries that were appended it may tell
   * the last alone. Returns the way to stop.
   */
  watch(id: string, listener: (news: SessionNews) => void): () => void
}
