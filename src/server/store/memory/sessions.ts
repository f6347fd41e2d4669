import type {
  Payload,
  PrivateAppend,
  PrivateEntry,
  Reading,
  ReadLimits,
  SessionNews,
  SessionRecord,
  SessionStore,
  Subscription,
  Versioned,
} from '../ports.ts'
import { type Expiring, Expiry } from './expiry.ts'
import { bytesOf, copied } from './payload.ts'
import { keptRecord } from './record.ts'
import type { PrivateStream, Shares } from './shares.ts'
import type { MemoryHost } from './topics.ts'
import { Watchers } from './watchers.ts'

type Item = Payload | { readonly subscribed: Subscription } | { readonly unsubscribed: { readonly stream: number } }

/** Its rank is the time at which it expires. */
interface Session extends Expiring {
  readonly id: string
  current: Versioned
  /** `null` for most sessions, since no message is ever sent to them alone. */
  stream: PrivateStream<Item> | null
}

/** Sessions in memory. A session is discarded when it is removed, never before: the node that asks for expired sessions ends them. */
export class MemorySessions implements SessionStore {
  #id: string | null = null
  readonly #shares: Shares
  readonly #host: MemoryHost
  readonly #sessions = new Map<string, Session>()
  readonly #expiry = new Expiry<Session>()
  readonly #watchers = new Watchers<SessionNews>((news, before) => 'tail' in news && 'tail' in before)
  /** How many sessions of each principal have not ended. */
  readonly #counts = new Map<string, number>()
  #count = 0
  /** Versions are never reused, so that a session created again under an id is not taken for the previous one. */
  #version = 0

  constructor(shares: Shares, host: MemoryHost) {
    this.#shares = shares
    this.#host = host
  }

  get id(): string {
    this.#id ??= this.#host.randomId()
    return this.#id
  }

  now(): number {
    return this.#host.now()
  }

  async read(id: string): Promise<Versioned | null> {
    return this.#sessions.get(id)?.current ?? null
  }

  write(id: string, record: SessionRecord, ifVersion: number, expiresAt: number): number | null {
    const known = this.#sessions.get(id)
    if ((known?.current.version ?? 0) !== ifVersion) return null
    const version = this.#version + 1
    const current = { record: keptRecord(record, known?.current.record), version }
    this.#version = version
    this.#tally(known?.current.record, record)
    if (known) {
      if (known.current.record.epoch !== record.epoch) this.#dropStream(known)
      known.current = current
      this.#expiry.move(known, expiresAt)
    } else {
      const session: Session = { id, current, stream: null, rank: expiresAt, queuedRank: expiresAt, place: 0 }
      this.#sessions.set(id, session)
      this.#expiry.add(session)
    }
    this.#watchers.changed(id, { version })
    return version
  }

  async renew(id: string, expiresAt: number): Promise<void> {
    const session = this.#sessions.get(id)
    if (session && expiresAt > session.rank) this.#expiry.move(session, expiresAt)
  }

  async remove(id: string, ifVersion: number): Promise<boolean> {
    const session = this.#sessions.get(id)
    if (!session || session.current.version !== ifVersion) return false
    this.#sessions.delete(id)
    this.#expiry.remove(session)
    this.#tally(session.current.record, undefined)
    this.#dropStream(session)
    this.#watchers.changed(id, { version: 0 })
    return true
  }

  append(id: string, epoch: string, entry: PrivateAppend): number | null {
    const session = this.#sessions.get(id)
    if (!session || session.current.record.epoch !== epoch || session.current.record.ended) return null
    session.stream ??= this.#shares.open<Item>(session.current.record.principalId, id)
    const offset = this.#shares.push(session.stream, itemOf(entry), entryBytesOf(entry))
    this.#watchers.changed(id, { tail: offset })
    return offset
  }

  async readAfter(id: string, after: number, limits: ReadLimits): Promise<Reading<PrivateEntry> | null> {
    const session = this.#sessions.get(id)
    if (!session) return null
    const { stream } = session
    return {
      epoch: session.current.record.epoch,
      messages: stream?.readAfter(after, limits, entryOf) ?? [],
      lostThrough: stream?.lostThrough ?? 0,
    }
  }

  async trim(id: string, through: number): Promise<void> {
    const stream = this.#sessions.get(id)?.stream
    if (stream) this.#shares.trim(stream, through)
  }

  async count(principalId?: string): Promise<number> {
    return principalId === undefined ? this.#count : (this.#counts.get(principalId) ?? 0)
  }

  async expired(now: number, limit: number): Promise<readonly string[]> {
    return this.#expiry.due(now, limit).map(({ id }) => id)
  }

  watch(id: string, listener: (news: SessionNews) => void): () => void {
    return this.#watchers.watch(id, listener)
  }

  #dropStream(session: Session): void {
    if (session.stream) this.#shares.close(session.stream)
    session.stream = null
  }

  #tally(before: SessionRecord | undefined, after: SessionRecord | undefined): void {
    const from = before && !before.ended ? before.principalId : undefined
    const to = after && !after.ended ? after.principalId : undefined
    if (from === to) return
    if (from !== undefined) this.#countOne(from, -1)
    if (to !== undefined) this.#countOne(to, 1)
  }

  #countOne(principalId: string, change: 1 | -1): void {
    this.#count += change
    const count = (this.#counts.get(principalId) ?? 0) + change
    if (count > 0) this.#counts.set(principalId, count)
    else this.#counts.delete(principalId)
  }
}

function itemOf(entry: PrivateAppend): Item {
  if ('data' in entry) return copied(entry.data)
  return 'subscribed' in entry ? { subscribed: entry.subscribed } : { unsubscribed: entry.unsubscribed }
}

function entryOf(offset: number, item: Item): PrivateEntry {
  return typeof item === 'string' || item instanceof Uint8Array ? { offset, data: item } : { offset, ...item }
}

/** The size of an entry; a change of subscriptions counts as the frame that it becomes. */
function entryBytesOf(entry: PrivateAppend): number {
  return 'data' in entry ? bytesOf(entry.data) : JSON.stringify(entry).length
}
