import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { RecentAttachments } from '../adapters/recent-attachments.ts'
import { Attachment, type Reauthenticate } from '../delivery/attachment.ts'
import type { Carrier } from '../delivery/carrier.ts'
import type { Greeting } from '../delivery/parse-frames.ts'
import { Feeds } from '../delivery/topic-feed.ts'
import type { Handlers } from '../handlers.ts'
import { Backlog } from '../session/backlog.ts'
import { readPosted } from '../session/post-body.ts'
import { Posting, type Receipt } from '../session/post-request.ts'
import { ackEveryMs, LiveSession } from '../session/session-actor.ts'
import { deskOf } from '../session/session-commands.ts'
import { checkTopic, type Desk, type Principal, type Session, SessionHandle } from '../session/session-handle.ts'
import type { SessionRecord, SessionStore, TopicLog } from '../store/ports.ts'
import { payloadOf } from '../util/payload.ts'
import { Turns } from '../util/time-slices.ts'
import { Admission } from './admission.ts'
import { ForeignStores } from './foreign-stores.ts'
import type { ServerHost } from './host.ts'
import { attachedUntil, mostWaitMs, type NodeContext, type NodeSettings } from './node-context.ts'

/** At least so long a time for all to come back in (rule 18). */
const leastWindowMs = 50
const sweepEveryMs = 1000
const sweepAtOnce = 100
const lookAgainMs = 20

export interface NodeParts {
  readonly host: ServerHost
  readonly settings: NodeSettings
  readonly handlers: Handlers
  readonly topics: TopicLog
  readonly sessions: SessionStore
}

/**
 * One node of a server: all of steadfast.v1 but the sockets. It knows neither `node:http` nor `ws` nor the process's clock, so
 * that it runs on a virtual network as it does on a real one. Several nodes over one store are one server.
 */
export class ServerNode implements NodeContext {
  readonly id: string
  readonly host: ServerHost
  readonly settings: NodeSettings
  readonly handlers: Handlers
  readonly topics: TopicLog
  readonly sessions: SessionStore
  readonly feeds: Feeds
  readonly desk: Desk
  readonly backlog: Backlog
  readonly turns: Turns
  readonly #live = new Map<string, LiveSession>()
  readonly #admission: Admission
  readonly #recent: RecentAttachments
  readonly #unacked = new Set<{ tellAck(): void }>()
  readonly #foreign: ForeignStores
  #state: 'up' | 'closing' | 'down' = 'up'
  readonly #madeAt: number
  #sweptAt = 0
  #isSweeping = false
  #cancelTick: () => void
  #cancelAcks: (() => void) | null = null

  constructor({ host, settings, handlers, topics, sessions }: NodeParts) {
    const { attachmentsPerSecond, maxSessions } = settings.limits
    this.id = host.randomId()
    this.host = host
    this.settings = settings
    this.handlers = handlers
    this.topics = topics
    this.sessions = sessions
    this.feeds = new Feeds(topics, host)
    this.desk = deskOf(
      this,
      (id) => this.#live.get(id),
      (id) => this.#liveOf(id),
    )
    this.backlog = new Backlog(settings.limits, settings.isAuthenticating)
    this.turns = new Turns(host)
    const places = { perSecond: attachmentsPerSecond, mostWaitMs: mostWaitMs(settings), mostPlaces: maxSessions }
    this.#admission = new Admission(places, () => host.random())
    this.#recent = new RecentAttachments(host.elapsedMs())
    this.#foreign = new ForeignStores(sessions, (error) => host.report(error))
    this.#madeAt = host.elapsedMs()
    this.#cancelTick = host.after(settings.tickMs, () => this.#tick())
  }

  get isDown(): boolean {
    return this.#state === 'down'
  }

  /** Sessions that are here now: attached, or worked at. */
  get sessionsHere(): number {
    return this.#live.size
  }

  /**
   * Rule 18: why a client has to come later, before anything else is asked of the server; `null` if it may come in now. To be asked
   * once for each request that wants to attach. One that only sends, or goes on with an attachment that was let in here, is free.
   */
  admit(greeting: Greeting): CloseFrame | null {
    if (this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    if (greeting.send || this.isContinued(greeting)) return null
    const waitMs = this.#admission.admit(greeting.session, this.elapsedMs())
    return waitMs ? { code: codes.tooMany, reason: 'too many at once', retryAfterMs: Math.ceil(waitMs) } : null
  }

  /** Whether a request goes on with an attachment that was let in here: the next poll, a POST beside a stream. It is no new attachment. */
  isContinued(greeting: Greeting): boolean {
    const mayContinue = greeting.send || greeting.wait !== undefined
    return mayContinue && this.#recent.has(greeting, this.host.elapsedMs())
  }

  /** Lets a client in, or ends the carrier with the reason why not. What came with the hello may be handed over at once. */
  attach(greeting: Greeting, principal: Principal, carrier: Carrier, reauthenticate: Reauthenticate | null = null): Attachment {
    const refusal = this.#refusal(greeting, carrier)
    // Somebody who is refused leaves no trace.
    const live = refusal ? new LiveSession(greeting.session, this) : this.#liveOf(greeting.session)
    const attachment = new Attachment(live, carrier, greeting, reauthenticate)
    if (refusal) attachment.end(refusal)
    else {
      this.#foreign.compare(greeting)
      if (carrier.medium !== 'websocket') this.#recent.add(greeting, this.host.elapsedMs())
      live.entering += 1
      live.enter({
        ...{ greeting, principal, canFound: true, isSign: false },
        refused: (why) => {
          live.entering -= 1
          attachment.end(why)
        },
        admitted: (record, isResumed) => {
          live.entering -= 1
          this.#open(live, attachment, greeting, record, isResumed)
        },
        over: (record, close) => this.#openLate(live, attachment, greeting, record, close),
      })
    }
    return attachment
  }

  /** A client was refused that is, or was not long ago, attached here: then what is open of it ends. */
  revoke(greeting: Greeting): void {
    const isKnown = this.#live.get(greeting.session)?.hasAttachments || this.isContinued(greeting)
    if (!isKnown || this.#state !== 'up') return
    this.#recent.delete(greeting)
    this.#liveOf(greeting.session).revoke()
  }

  /** A request that only sends: the lines behind its hello. */
  async post(greeting: Greeting, principal: Principal, lines: readonly string[]): Promise<Receipt> {
    const posted = this.#state === 'up' ? await readPosted(lines, this.settings.limits, this.turns) : null
    if (!posted || this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    if ('code' in posted) return posted
    this.#foreign.compare(greeting)
    if (this.#foreign.has(greeting, this.elapsedMs())) return { code: codes.restarting, reason: 'another store' }
    this.#recent.add(greeting, this.host.elapsedMs())
    return new Promise((resolve) => {
      new Posting(this.#liveOf(greeting.session), greeting, principal, posted, resolve).start()
    })
  }

  /** Resolves with the message's offset once it is in the log. */
  async publish(topic: string, data: unknown): Promise<number> {
    checkTopic(topic, 'publish')
    const { codec, limits } = this.settings
    return this.topics.append(topic, payloadOf(codec ? codec.encode(data) : data, 'publish', limits.maxMessageBytes))
  }

  /** A session, wherever it is attached; `null` if there is none, or it has ended. */
  async session(id: string): Promise<Session | null> {
    const read = await this.sessions.read(id)
    return read && !read.record.ended ? new SessionHandle(this.desk, id, read.record) : null
  }

  /** Sends everybody away, waits for the handlers that run, and stops. */
  async close(drainMs: number): Promise<void> {
    if (this.#state !== 'up') return
    this.#state = 'closing'
    const spreadMs = Math.max(this.retryWindowMs(), Math.min(drainMs, mostWaitMs(this.settings)))
    for (const live of this.#live.values()) {
      live.waitsForNobody()
      for (const attachment of [...live.attachments]) {
        const retryAfterMs = Math.round(this.host.random() * spreadMs)
        attachment.end({ code: codes.restarting, reason: 'restarting', retryAfterMs })
      }
    }
    const until = this.elapsedMs() + drainMs
    while (!this.isDown && this.elapsedMs() < until && [...this.#live.values()].some(({ isBusy }) => isBusy)) {
      await new Promise<void>((resolve) => this.host.after(lookAgainMs, resolve))
    }
    this.halt()
  }

  /**
   * Stops at once and without a goodbye: nothing is written or told any more, and no timer is left. Carriers are left to
   * whoever made them. It is the end of `close()`, and all that a crash leaves of a node.
   */
  halt(): void {
    if (this.isDown) return
    this.#state = 'down'
    this.#cancelTick()
    this.#cancelAcks?.()
    for (const live of this.#live.values()) {
      live.stop()
      for (const attachment of live.attachments.splice(0)) attachment.abandon()
    }
    this.#live.clear()
    this.#unacked.clear()
    this.turns.stop()
    this.feeds.stop()
  }

  // What sessions ask of their node.

  elapsedMs(): number {
    return Math.round(this.host.elapsedMs() - this.#madeAt)
  }

  async roomFor(principal: Principal): Promise<CloseFrame | null> {
    const { maxSessions, sessionsPerPrincipal } = this.settings.limits
    const isFull = (await this.sessions.count()) >= maxSessions
    if (isFull) return { code: codes.tooMany, reason: 'too many sessions', ...this.#pause() }
    if (!this.settings.isAuthenticating || (await this.sessions.count(principal.id)) < sessionsPerPrincipal) return null
    return { code: codes.tooMany, reason: 'too many sessions of this principal', ...this.#pause() }
  }

  retryWindowMs(): number {
    const { attachmentsPerSecond } = this.settings.limits
    const windowMs = Math.round((this.#live.size / attachmentsPerSecond) * 1000)
    return Math.min(mostWaitMs(this.settings), Math.max(leastWindowMs, windowMs))
  }

  pauseMs(): number {
    return Math.round(1000 + this.host.random() * Math.max(1000, this.retryWindowMs()))
  }

  later(session: { tellAck(): void }): void {
    this.#unacked.add(session)
    this.#cancelAcks ??= this.host.after(ackEveryMs, () => {
      const sessions = [...this.#unacked]
      this.#unacked.clear()
      this.#cancelAcks = null
      for (const each of sessions) each.tellAck()
    })
  }

  #open(live: LiveSession, attachment: Attachment, greeting: Greeting, record: SessionRecord, isResumed: boolean): void {
    if (attachment.isOver || this.isDown) return
    const { heartbeatMs, resumeWindowMs, limits } = this.settings
    const { epoch, taken, done, lastEnd } = record
    live.attached(attachment)
    attachment.open(
      {
        ...{ k: greeting.k, epoch, store: this.sessions.id, resumed: isResumed, taken, ack: done, heartbeatMs, resumeWindowMs },
        ...{ maxMessageBytes: limits.maxMessageBytes, retryWindowMs: this.retryWindowMs() },
        ...(isResumed && lastEnd ? { lastEnd } : {}),
      },
      greeting.cursor,
      record,
    )
    // An answer says nothing before it is complete, so what its client does not know yet completes it.
    const isNews = done >= greeting.n || (!isResumed && greeting.cursor.size > 0)
    if (isNews && attachment.carrier.medium === 'answer') attachment.tell(`a${done}`)
    live.acknowledged(greeting.cursor, Infinity)
  }

  /** A session that the server has ended: what was sent to it before, and has not been read, still comes before the end. */
  #openLate(live: LiveSession, attachment: Attachment, greeting: Greeting, record: SessionRecord, close: CloseFrame): void {
    const place = greeting.cursor.get(0)
    const isSame = place?.epoch === record.epoch
    this.sessions.readAfter(live.id, isSame ? place.offset : 0, { maxMessages: 1, maxBytes: 1 }).then(
      (reading) => {
        live.entering -= 1
        const isUnread = reading?.epoch === record.epoch && reading.messages.length > 0
        if (isUnread && live.known?.epoch === record.epoch) {
          this.#open(live, attachment, greeting, record, isSame)
          attachment.part(close)
        } else attachment.end(close)
      },
      (error) => {
        live.entering -= 1
        this.host.report(error)
        attachment.end(close)
      },
    )
  }

  #refusal(greeting: Greeting, { medium }: Carrier): CloseFrame | null {
    const live = this.#live.get(greeting.session)
    const attachments = live?.places ?? 0
    if (this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    const isTooFast = medium === 'answer' && this.isContinued(greeting) && live?.mayReceive() === false
    const isTooMuch = attachments >= this.settings.limits.attachmentsPerSession || isTooFast
    return isTooMuch ? { code: codes.tooMany, reason: 'too many attachments', ...this.#pause() } : null
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.pauseMs() }
  }

  #liveOf(id: string): LiveSession {
    let live = this.#live.get(id)
    if (!live) {
      live = new LiveSession(id, this)
      live.start()
      this.#live.set(id, live)
    }
    return live
  }

  #tick(): void {
    this.#cancelTick = this.host.after(this.settings.tickMs, () => this.#tick())
    const now = this.elapsedMs()
    const storeNow = this.sessions.now()
    for (const live of this.#live.values()) {
      if (live.isAtRest(now)) continue
      live.tick(storeNow)
      if (live.hasAttachments || live.isBusy || live.isReturning) continue
      live.stop()
      this.#live.delete(live.id)
    }
    this.feeds.readAll()
    if (this.#isSweeping || now - this.#sweptAt < Math.min(sweepEveryMs, this.settings.resumeWindowMs / 4)) return
    this.#sweptAt = now
    this.#isSweeping = true
    this.#sweep(storeNow)
      .catch((error) => this.host.report(error))
      .finally(() => {
        this.#isSweeping = false
      })
  }

  /**
   * Ends all sessions to which nobody came back in time (rule 8), however many there are. Several nodes may be at it; the record
   * decides.
   */
  async #sweep(now: number): Promise<void> {
    const seen = new Set<string>()
    for (;;) {
      const due = (await this.sessions.expired(now, sweepAtOnce)).filter((id) => !seen.has(id))
      if (this.isDown || due.length === 0) return
      for (const id of due) seen.add(id)
      const swept = await Promise.allSettled(due.map((id) => this.#expire(id, now)))
      if (this.isDown) return
      const failed = swept.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') this.host.report(failed.reason)
      if (this.turns.isOver()) await this.turns.next()
    }
  }

  async #expire(id: string, now: number): Promise<void> {
    const here = this.#live.get(id)
    if (here?.hasAttachments || here?.isBusy) {
      await this.sessions.renew(id, attachedUntil(now, this.settings))
      return
    }
    const read = await this.sessions.read(id)
    if (!read || this.isDown) return
    const { record, version } = read
    const { lease, ended, turn } = record
    const hasNothingToRun = ended || (turn === 0 && !this.handlers.onEnd)
    if (lease && lease.until > now) await this.sessions.renew(id, lease.until)
    else if (!lease && hasNothingToRun) await this.sessions.remove(id, version)
    else await this.#liveOf(id).expire()
  }
}
