import type {
  Payload,
  PrivateAppend,
  PrivateEntry,
  Reading,
  ReadLimits,
  SessionNews,
  SessionRecord,
  SessionState,
  SessionStore,
  Versioned,
  Watch,
} from '../ports.ts'
import { messageKind } from '../private-entries.ts'
import { type Expiring, Expiry } from './expiry.ts'
import { bytesOf, copied } from './payload.ts'
import { Principals } from './principals.ts'
import { keptJson, keptRecord } from './record.ts'
import type { PrivateStream, Shares } from './shares.ts'
import type { MemoryHost } from './topics.ts'
import { Watchers } from './watchers.ts'

/** Most entries are messages, which are stored as their payload alone. */
type Item = Payload | PrivateAppend

/** Its rank is the time at which it expires. */
interface Session extends Expiring {
  readonly id: string
  current: Versioned
  /** `null` for most sessions, which are never sent a message of their own. */
  stream: PrivateStream<Item> | null
}

/** Sessions in memory. Only `remove()` discards one, even if it has expired: the node that lists expired sessions ends them. */
export class MemorySessions implements SessionStore {
  #id: string | null = null
  readonly #shares: Shares
  readonly #host: MemoryHost
  readonly #sessions = new Map<string, Session>()
  readonly #expiry = new Expiry<Session>()
  readonly #watchers = new Watchers<SessionNews>(isLaterTail)
  /** The sessions of each principal that have not ended. */
  readonly #byPrincipal = new Principals()
  #count = 0
  /** Versions are never reused, so that a session created again under an id is not mistaken for the previous one. */
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

  write(id: string, record: SessionRecord, before: Versioned | null, expiresAt: number): number | null {
    const known = this.#sessions.get(id)
    if (known?.current.version !== before?.version) return null
    const version = this.#version + 1
    const current = { record: keptRecord(record, before?.record, known?.current.record), version }
    this.#version = version
    this.#tally(id, known?.current.record, record)
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

  async renew(ids: readonly string[], expiresAt: number): Promise<readonly (SessionState | null)[]> {
    return ids.map((id) => {
      const session = this.#sessions.get(id)
      if (!session) return null
      if (expiresAt > session.rank) this.#expiry.move(session, expiresAt)
      return { version: session.current.version, tail: session.stream?.tail ?? 0 }
    })
  }

  async remove(id: string, ifVersion: number): Promise<boolean> {
    const session = this.#sessions.get(id)
    if (!session || session.current.version !== ifVersion) return false
    this.#sessions.delete(id)
    this.#expiry.remove(session)
    this.#tally(id, session.current.record, undefined)
    this.#dropStream(session)
    this.#watchers.changed(id, { version: 0 })
    return true
  }

  append(id: string, epoch: string, entry: PrivateAppend): number | null {
    const session = this.#sessions.get(id)
    if (!session || session.current.record.epoch !== epoch || session.current.record.ended) return null
    session.stream ??= this.#shares.open<Item>(id, session.current.record)
    const item = itemOf(entry)
    const offset = this.#shares.push(session.stream, item, entryBytesOf(entry))
    this.#watchers.changed(id, { tail: offset, epoch, entry: appendOf(item) })
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
      tail: stream?.tail ?? 0,
    }
  }

  async trim(id: string, through: number): Promise<void> {
    const stream = this.#sessions.get(id)?.stream
    if (stream) this.#shares.trim(stream, through)
  }

  async count(principalId: string): Promise<{ readonly ofPrincipal: number; readonly all: number }> {
    return { ofPrincipal: this.#byPrincipal.count(principalId), all: this.#count }
  }

  async sessionsOf(principalId: string): Promise<readonly string[]> {
    return this.#byPrincipal.sessionsOf(principalId)
  }

  async expired(now: number, limit: number): Promise<readonly string[]> {
    return this.#expiry.due(now, limit).map(({ id }) => id)
  }

  watch(id: string, listener: (news: SessionNews) => void): Watch {
    return this.#watchers.watch(id, listener)
  }

  #dropStream(session: Session): void {
    if (session.stream) this.#shares.close(session.stream)
    session.stream = null
  }

  #tally(id: string, before: SessionRecord | undefined, after: SessionRecord | undefined): void {
    const from = before && !before.ended ? before.principalId : undefined
    const to = after && !after.ended ? after.principalId : undefined
    if (from === to) return
    if (from !== undefined) this.#byPrincipal.delete(from, id)
    if (to !== undefined) this.#byPrincipal.add(to, id)
    this.#count += (to === undefined ? 0 : 1) - (from === undefined ? 0 : 1)
  }
}

function isLaterTail(news: SessionNews, before: SessionNews): boolean {
  return news !== null && before !== null && 'tail' in news && 'tail' in before
}

function itemOf({ kind, meta, data }: PrivateAppend): Item {
  if (kind === messageKind && meta === undefined && data !== undefined) return copied(data)
  return { kind, ...(meta === undefined ? {} : { meta: keptJson(meta) }), ...(data === undefined ? {} : { data: copied(data) }) }
}

function appendOf(item: Item): PrivateAppend {
  return typeof item === 'string' || item instanceof Uint8Array ? { kind: messageKind, data: item } : item
}

function entryOf(offset: number, item: Item): PrivateEntry {
  return typeof item === 'string' || item instanceof Uint8Array ? { offset, kind: messageKind, data: item } : { offset, ...item }
}

/** The size of an entry; a part that is no payload counts as JSON. */
function entryBytesOf({ kind, meta, data }: PrivateAppend): number {
  const bytes = data === undefined ? 0 : bytesOf(data)
  return kind === messageKind && meta === undefined ? bytes : bytes + JSON.stringify({ kind, meta }).length
}
