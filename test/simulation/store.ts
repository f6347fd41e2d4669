import { type MemoryStore, memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type {
  Answer,
  PrivateAppend,
  SessionNews,
  SessionRecord,
  SessionStore,
  TopicLog,
  TopicNews,
  Watch,
} from '../../src/server/store/ports.ts'
import { messageKind, subscriptionChangeOf } from '../../src/server/store/private-entries.ts'
import { tailOf } from '../support/store-calls.ts'
import { Being, type Clock } from './clock.ts'
import type { DownLedger } from './down-ledger.ts'
import type { Setting } from './operations.ts'
import { inOf } from './payloads.ts'
import { Random } from './random.ts'
import type { RequestLedger } from './request-ledger.ts'
import type { UpLedger } from './up-ledger.ts'
import type { Court } from './violation.ts'

export interface Ledgers {
  readonly up: UpLedger
  readonly down: DownLedger
  readonly requests: RequestLedger
  readonly court: Court
}

/** How a share of the store's calls fails now: before taking effect, after it, or by never being answered. */
export interface Trouble {
  readonly fails: 'before' | 'after' | 'never'
  readonly share: number
}

/** The store shared by the nodes, as behind a network: it has delays and failures, and reports its state to the ledgers. */
export class SharedStore {
  readonly inner: MemoryStore
  trouble: Trouble | null = null
  hadTrouble = false
  /** The functions that stop the nodes' watches, by the life of the node. */
  readonly watches = new Map<Being, Map<() => void, (news: null) => void>>()
  #touchedAt = 0
  /** Whether the store has lost the session, so that the server need not know it. */
  isForgotten = false
  /** Each session's last record. */
  readonly records = new Map<string, SessionRecord>()
  readonly #being = new Being('store')
  #isOverdue = false
  readonly #expiries = new Map<string, number>()
  /** The highest lost offset of each topic, by name and epoch. */
  readonly #lostThrough = new Map<string, number>()
  /** What is added to the topic offsets of the inner store; it grows with each life. */
  #raised = 0
  /** Nodes that get no announcements at present. */
  readonly #deaf = new Set<Being>()
  readonly #clock: Clock
  readonly #maxMs: number
  readonly #resumeWindowMs: number
  readonly #random: Random
  readonly #up: UpLedger
  readonly #requests: RequestLedger
  readonly #down: DownLedger
  readonly #court: Court

  constructor(clock: Clock, seed: number, { storeMs, resumeWindowMs }: Setting, { up, down, requests, court }: Ledgers) {
    this.#clock = clock
    this.#maxMs = storeMs
    this.#resumeWindowMs = resumeWindowMs
    this.#random = new Random(seed, 3)
    this.#up = up
    this.#requests = requests
    this.#down = down
    this.#court = court
    let lastId = 0
    const randomId = () => {
      lastId += 1
      return `t${lastId}`
    }
    this.inner = memoryStore({ maxTopics: 8, maxMessagesPerStream: 2000 }, { now: () => epochMs + clock.now, randomId })
  }

  /** The store as seen by one life of a node. */
  for(being: Being): MemoryStore {
    const watches = new Map<() => void, (news: null) => void>()
    this.watches.set(being, watches)
    let appliedAt = 0
    let answeredAt = 0
    const call: Call = <Result>(run: () => Answer<Result>): Promise<Result> => {
      const trouble = this.trouble && this.#random.chance(this.trouble.share) ? this.trouble.fails : null
      if (trouble === 'never') {
        if (this.#random.chance(0.5)) void run()
        return new Promise<Result>(() => {})
      }
      // Without a delay the store answers at once.
      if (this.#maxMs === 0 && !trouble) return run() as Promise<Result>
      // Calls of one node take effect in their order.
      const { now } = this.#clock
      appliedAt = Math.max(appliedAt, now + this.#random.next() * this.#maxMs)
      const applied = new Promise<Result>((resolve, reject) => {
        this.#clock.after(this.#being, appliedAt - now, () => {
          if (trouble === 'before') reject(new Error('the store did not answer'))
          else
            Promise.resolve(run()).then(
              trouble === 'after' ? () => reject(new Error('the store did not answer')) : resolve,
              reject,
            )
        })
      })
      return new Promise((resolve, reject) => {
        const later = (settle: () => void) => {
          answeredAt = Math.max(answeredAt, this.#clock.now + this.#random.next() * this.#maxMs)
          this.#clock.after(being, answeredAt - this.#clock.now, settle)
        }
        applied.then(
          (result) => later(() => resolve(result)),
          (error) => later(() => reject(error)),
        )
      })
    }
    const watch: WatchNews = (begin, listener) => {
      const inner = begin((news) => {
        if (this.#deaf.has(being)) return
        if (this.#maxMs === 0) listener(news)
        else this.#clock.after(being, this.#random.next() * this.#maxMs, () => watches.has(stop) && listener(news))
      })
      const stop = () => inner.stop()
      watches.set(stop, listener)
      return { ready: null, stop: () => watches.delete(stop) && stop() }
    }
    return { topics: this.#topics(call, watch), sessions: this.#sessions(call, watch) }
  }

  /** When the session last had contact with a node; it must not be lost within its resume window from then. */
  get touchedAt(): number {
    return this.#touchedAt
  }

  /** The session has contact. After its resume window it may be accepted, and still be lost before it is renewed. */
  touched(at: number): void {
    if (at - this.#touchedAt > this.#resumeWindowMs) this.#isOverdue = true
    this.#touchedAt = Math.max(this.#touchedAt, at)
  }

  /** A node is dead, and gets no announcements any more. */
  left(being: Being): void {
    for (const stop of this.watches.get(being)?.keys() ?? []) stop()
    this.watches.delete(being)
    this.#deaf.delete(being)
  }

  /** The store loses a session. */
  async forget(id: string): Promise<void> {
    const known = await this.inner.sessions.read(id)
    if (!known) return
    this.isForgotten = true
    this.#expiries.delete(id)
    await this.inner.sessions.remove(id, known.version)
  }

  /**
   * The store goes back in time, as when a replica is promoted without the last writes, and begins a new life. The offsets of
   * its topics continue above all that it can have assigned before, and its sessions are gone.
   */
  async rewind(topics: readonly string[]): Promise<void> {
    for (const id of this.records.keys()) {
      const known = await this.inner.sessions.read(id)
      if (known) await this.forget(id)
    }
    this.#raised += 2 ** 20
    for (const topic of topics) await this.loseTopic(topic, 1)
    for (const being of this.watches.keys()) this.#announceMissed(being)
  }

  /** A node gets no announcements any more. */
  deafen(being: Being): void {
    this.#deaf.add(being)
  }

  /** A node gets announcements again, and is told that it may have missed some. */
  hearAgain(being: Being): void {
    if (this.#deaf.delete(being)) this.#announceMissed(being)
  }

  #announceMissed(being: Being): void {
    for (const announce of [...(this.watches.get(being)?.values() ?? [])]) announce(null)
  }

  /** The store drops the older part of a topic, as one with a size limit does. */
  async loseTopic(topic: string, share: number): Promise<void> {
    const { epoch, offset } = await tailOf(this.inner.topics, topic)
    const through = this.#raised + Math.floor(offset * share)
    this.#lostThrough.set(`${topic} ${epoch}`, Math.max(through, this.#lostThrough.get(`${topic} ${epoch}`) ?? 0))
    this.#down.lost(topic, epoch, through)
  }

  #topics(call: Call, watch: WatchNews): TopicLog {
    const { topics } = this.inner
    return {
      append: (topic, data) =>
        call(async () => {
          const appending = topics.append(topic, data)
          const tail = tailOf(topics, topic)
          const offset = (await appending) + this.#raised
          this.#down.appended(topic, (await tail).epoch, offset, inOf(data))
          return offset
        }),
      readAfter: (topic, after, limits) =>
        call(async () => {
          const lost = this.#lostThrough.get(`${topic} ${(await tailOf(topics, topic)).epoch}`) ?? 0
          const from = Math.max(0, Math.max(after, lost) - this.#raised)
          const reading = await topics.readAfter(topic, from, limits)
          const lostThrough = Math.max(reading.lostThrough + this.#raised, lost)
          this.#down.lost(topic, reading.epoch, lostThrough)
          const messages = reading.messages.map(({ offset, data }) => ({ offset: offset + this.#raised, data }))
          return { ...reading, messages, lostThrough, tail: reading.tail + this.#raised }
        }),
      tails: (names, last) =>
        call(async () => {
          const ends = await topics.tails(names, last)
          return ends.map(({ epoch, offset }) => ({ epoch, offset: offset + this.#raised }))
        }),
      watch: (topic, listener) =>
        watch<TopicNews>(
          (each) =>
            topics.watch(topic, (news) => {
              if (news) each({ ...news, offset: news.offset + this.#raised, after: news.after + this.#raised })
            }),
          listener,
        ),
    }
  }

  #sessions(call: Call, watch: WatchNews): SessionStore {
    const { sessions } = this.inner
    return {
      id: sessions.id,
      now: () => sessions.now(),
      read: (id) => call(() => sessions.read(id)),
      write: (id, record, before, expiresAt) =>
        call(() => {
          const version = sessions.write(id, record, before, expiresAt) as number | null
          if (version !== null) this.#wrote(id, record, expiresAt)
          return version
        }),
      renew: (ids, expiresAt) =>
        call(() => {
          for (const id of ids) {
            const before = this.#expiries.get(id)
            // Another node may already have decided to end the session.
            if (before !== undefined) this.#isOverdue = before <= this.#clock.now + epochMs
            if (before !== undefined) this.#expiries.set(id, Math.max(before, expiresAt))
          }
          return sessions.renew(ids, expiresAt)
        }),
      remove: (id, ifVersion) =>
        call(async () => {
          const known = await sessions.read(id)
          const isRemoved = await sessions.remove(id, ifVersion)
          if (isRemoved) this.#mayBeLost(id, known?.record)
          return isRemoved
        }),
      append: (id, epoch, entry) =>
        call(() => {
          const offset = sessions.append(id, epoch, entry) as number | null
          if (offset !== null) this.#appended(epoch, offset, entry)
          return offset
        }),
      readAfter: (id, after, limits) =>
        call(async () => {
          const reading = await sessions.readAfter(id, after, limits)
          if (reading) this.#down.lost('', reading.epoch, reading.lostThrough)
          return reading
        }),
      trim: (id, through) =>
        call(async () => {
          const epoch = this.records.get(id)?.epoch
          if (epoch !== undefined) this.#down.trimmed(epoch, through)
          await sessions.trim(id, through)
        }),
      count: (principalId) => call(() => sessions.count(principalId)),
      sessionsOf: (principalId) => call(() => sessions.sessionsOf(principalId)),
      expired: (now, limit) => call(() => sessions.expired(now, limit)),
      watch: (id, listener) =>
        watch<NonNullable<SessionNews>>((each) => sessions.watch(id, (news) => news && each(news)), listener),
    }
  }

  #wrote(id: string, record: SessionRecord, expiresAt: number): void {
    const before = this.records.get(id)
    this.records.set(id, record)
    if (before?.epoch === record.epoch)
      this.#court.must(record.turn >= before.turn, 'turn-backwards', () => `the turn ${record.turn} follows ${before.turn}`)
    this.#expiries.set(id, expiresAt)
    if (before && before.epoch !== record.epoch) this.#replaced(before)
    if (!record.ended) this.#isOverdue = false
    this.#up.recorded(record.done, record.epoch, this.#requests.doneCount)
  }

  /** A new session has replaced one with the same id. */
  #replaced({ turn, ended }: SessionRecord): void {
    const { now } = this.#clock
    // A session that was never confirmed expires sooner (rule 8).
    const windowMs = turn > 0 ? this.#resumeWindowMs - 2000 : unconfirmedMs - 3000
    const awayMs = now - this.touchedAt
    this.#up.excuse('session-lost', now)
    this.#court.must(
      // A session that has ended is kept for its window from then, regardless of later requests for it.
      this.isForgotten || ended?.by === 'server' || this.#isOverdue || this.hadTrouble || awayMs >= windowMs,
      'session-lost-early',
      () =>
        `a session is lost whose client was away for ${Math.round(awayMs)} ms (turn ${turn}, ended by ${ended?.by ?? 'nobody'})`,
    )
    this.isForgotten = false
  }

  #appended(epoch: string, offset: number, entry: PrivateAppend): void {
    const change = subscriptionChangeOf(entry)
    if (entry.kind === messageKind && entry.data !== undefined) this.#down.appended('', epoch, offset, inOf(entry.data))
    else if (change && 'subscribed' in change) {
      const { stream, topic, epoch: topicEpoch, from } = change.subscribed
      this.#down.subscribed(epoch, stream, topic, topicEpoch, from)
    }
  }

  /** A session may be removed when it has expired or ended. */
  #mayBeLost(id: string, record: SessionRecord | undefined): void {
    const expiresAt = this.#expiries.get(id)
    this.#expiries.delete(id)
    const { now } = this.#clock
    this.#court.must(
      expiresAt === undefined || !record || record.ended !== null || now + epochMs >= expiresAt,
      'session-lost-early',
      () => `a session is removed ${expiresAt !== undefined ? expiresAt - now - epochMs : 0} ms before its time`,
    )
  }
}

/** The wall-clock time at virtual time 0. */
export const epochMs = 1_800_000_000_000

const unconfirmedMs = 15_000

interface Call {
  <Result>(run: () => Promise<Result>): Promise<Result>
  <Result>(run: () => Answer<Result>): Answer<Result>
}
type WatchNews = <News>(begin: (listener: (news: News) => void) => Watch, listener: (news: News | null) => void) => Watch
