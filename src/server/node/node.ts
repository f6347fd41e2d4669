import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { RecentAttachments } from '../adapters/recent-attachments.ts'
import { Attachment, type Reauthenticate } from '../delivery/attachment.ts'
import type { Carrier } from '../delivery/carrier.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import { TopicFeeds } from '../delivery/topic-feed.ts'
import type { Handlers } from '../handlers.ts'
import { Backlog } from '../session/backlog.ts'
import { readPostBody } from '../session/post-body.ts'
import { PostRequest, type Receipt } from '../session/post-request.ts'
import { ackEveryMs, SessionActor } from '../session/session-actor.ts'
import { sessionCommands } from '../session/session-commands.ts'
import { checkTopic, type Principal, type Session, type SessionCommands, SessionHandle } from '../session/session-handle.ts'
import type { SessionRecord, SessionStore, TopicLog } from '../store/ports.ts'
import { payloadOf } from '../util/payload.ts'
import { TimeSlices } from '../util/time-slices.ts'
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
  readonly feeds: TopicFeeds
  readonly commands: SessionCommands
  readonly backlog: Backlog
  readonly slices: TimeSlices
  readonly #actors = new Map<string, SessionActor>()
  readonly #admission: Admission
  readonly #recent: RecentAttachments
  readonly #unacked = new Set<{ sendAck(): void }>()
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
    this.feeds = new TopicFeeds(topics, host)
    this.commands = sessionCommands(
      this,
      (id) => this.#actors.get(id),
      (id) => this.#actorOf(id),
    )
    this.backlog = new Backlog(settings.limits, settings.isAuthenticating)
    this.slices = new TimeSlices(host)
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
    return this.#actors.size
  }

  /**
   * Rule 18: why a client has to come later, before anything else is asked of the server; `null` if it may come in now. To be asked
   * once for each request that wants to attach. One that only sends, or goes on with an attachment that was let in here, is free.
   */
  admit(hello: ClientHello): CloseFrame | null {
    if (this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    if (hello.send || this.isContinued(hello)) return null
    const waitMs = this.#admission.admit(hello.session, this.elapsedMs())
    return waitMs ? { code: codes.tooMany, reason: 'too many at once', retryAfterMs: Math.ceil(waitMs) } : null
  }

  /** Whether a request goes on with an attachment that was let in here: the next poll, a POST beside a stream. It is no new attachment. */
  isContinued(hello: ClientHello): boolean {
    const mayContinue = hello.send || hello.wait !== undefined
    return mayContinue && this.#recent.has(hello, this.host.elapsedMs())
  }

  /** Lets a client in, or ends the carrier with the reason why not. What came with the hello may be handed over at once. */
  attach(hello: ClientHello, principal: Principal, carrier: Carrier, reauthenticate: Reauthenticate | null = null): Attachment {
    const refusal = this.#refusal(hello, carrier)
    // Somebody who is refused leaves no trace.
    const actor = refusal ? new SessionActor(hello.session, this) : this.#actorOf(hello.session)
    const attachment = new Attachment(actor, carrier, hello, reauthenticate)
    if (refusal) attachment.end(refusal)
    else {
      this.#foreign.compare(hello)
      if (carrier.medium !== 'websocket') this.#recent.add(hello, this.host.elapsedMs())
      actor.joining += 1
      actor.join({
        ...{ hello, principal, mayCreate: true, isKeepAlive: false },
        refused: (why) => {
          actor.joining -= 1
          attachment.end(why)
        },
        admitted: (record, isResumed) => {
          actor.joining -= 1
          this.#open(actor, attachment, hello, record, isResumed)
        },
        over: (record, close) => this.#openLate(actor, attachment, hello, record, close),
      })
    }
    return attachment
  }

  /** A client was refused that is, or was not long ago, attached here: then what is open of it ends. */
  revoke(hello: ClientHello): void {
    const isKnown = this.#actors.get(hello.session)?.hasAttachments || this.isContinued(hello)
    if (!isKnown || this.#state !== 'up') return
    this.#recent.delete(hello)
    this.#actorOf(hello.session).revoke()
  }

  /** A request that only sends: the lines behind its hello. */
  async post(hello: ClientHello, principal: Principal, lines: readonly string[]): Promise<Receipt> {
    const posted = this.#state === 'up' ? await readPostBody(lines, this.settings.limits, this.slices) : null
    if (!posted || this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    if ('code' in posted) return posted
    this.#foreign.compare(hello)
    if (this.#foreign.has(hello, this.elapsedMs())) return { code: codes.restarting, reason: 'another store' }
    this.#recent.add(hello, this.host.elapsedMs())
    return new Promise((resolve) => {
      new PostRequest(this.#actorOf(hello.session), hello, principal, posted, resolve).start()
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
    return read && !read.record.ended ? new SessionHandle(this.commands, id, read.record) : null
  }

  /** Sends everybody away, waits for the handlers that run, and stops. */
  async close(drainMs: number): Promise<void> {
    if (this.#state !== 'up') return
    this.#state = 'closing'
    const spreadMs = Math.max(this.retryWindowMs(), Math.min(drainMs, mostWaitMs(this.settings)))
    for (const actor of this.#actors.values()) {
      actor.waitsForNobody()
      for (const attachment of [...actor.attachments]) {
        const retryAfterMs = Math.round(this.host.random() * spreadMs)
        attachment.end({ code: codes.restarting, reason: 'restarting', retryAfterMs })
      }
    }
    const until = this.elapsedMs() + drainMs
    while (!this.isDown && this.elapsedMs() < until && [...this.#actors.values()].some(({ isBusy }) => isBusy)) {
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
    for (const actor of this.#actors.values()) {
      actor.stop()
      for (const attachment of actor.attachments.splice(0)) attachment.abandon()
    }
    this.#actors.clear()
    this.#unacked.clear()
    this.slices.stop()
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
    const windowMs = Math.round((this.#actors.size / attachmentsPerSecond) * 1000)
    return Math.min(mostWaitMs(this.settings), Math.max(leastWindowMs, windowMs))
  }

  pauseMs(): number {
    return Math.round(1000 + this.host.random() * Math.max(1000, this.retryWindowMs()))
  }

  later(session: { sendAck(): void }): void {
    this.#unacked.add(session)
    this.#cancelAcks ??= this.host.after(ackEveryMs, () => {
      const sessions = [...this.#unacked]
      this.#unacked.clear()
      this.#cancelAcks = null
      for (const each of sessions) each.sendAck()
    })
  }

  #open(actor: SessionActor, attachment: Attachment, hello: ClientHello, record: SessionRecord, isResumed: boolean): void {
    if (attachment.isOver || this.isDown) return
    const { heartbeatMs, resumeWindowMs, limits } = this.settings
    const { epoch, taken, done, lastEnd } = record
    actor.attached(attachment)
    attachment.open(
      {
        ...{ k: hello.k, epoch, store: this.sessions.id, resumed: isResumed, taken, ack: done, heartbeatMs, resumeWindowMs },
        ...{ maxMessageBytes: limits.maxMessageBytes, retryWindowMs: this.retryWindowMs() },
        ...(isResumed && lastEnd ? { lastEnd } : {}),
      },
      hello.cursor,
      record,
    )
    // An answer says nothing before it is complete, so what its client does not know yet completes it.
    const isNews = done >= hello.n || (!isResumed && hello.cursor.size > 0)
    if (isNews && attachment.carrier.medium === 'answer') attachment.tell(`a${done}`)
    actor.acknowledged(hello.cursor, Infinity)
  }

  /** A session that the server has ended: what was sent to it before, and has not been read, still comes before the end. */
  #openLate(actor: SessionActor, attachment: Attachment, hello: ClientHello, record: SessionRecord, close: CloseFrame): void {
    const place = hello.cursor.get(0)
    const isSame = place?.epoch === record.epoch
    this.sessions.readAfter(actor.id, isSame ? place.offset : 0, { maxMessages: 1, maxBytes: 1 }).then(
      (reading) => {
        actor.joining -= 1
        const isUnread = reading?.epoch === record.epoch && reading.messages.length > 0
        if (isUnread && actor.known?.epoch === record.epoch) {
          this.#open(actor, attachment, hello, record, isSame)
          attachment.endWhenDelivered(close)
        } else attachment.end(close)
      },
      (error) => {
        actor.joining -= 1
        this.host.report(error)
        attachment.end(close)
      },
    )
  }

  #refusal(hello: ClientHello, { medium }: Carrier): CloseFrame | null {
    const actor = this.#actors.get(hello.session)
    const attachments = actor?.places ?? 0
    if (this.#state !== 'up') return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    const isTooFast = medium === 'answer' && this.isContinued(hello) && actor?.mayReceive() === false
    const isTooMuch = attachments >= this.settings.limits.attachmentsPerSession || isTooFast
    return isTooMuch ? { code: codes.tooMany, reason: 'too many attachments', ...this.#pause() } : null
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.pauseMs() }
  }

  #actorOf(id: string): SessionActor {
    let actor = this.#actors.get(id)
    if (!actor) {
      actor = new SessionActor(id, this)
      actor.start()
      this.#actors.set(id, actor)
    }
    return actor
  }

  #tick(): void {
    this.#cancelTick = this.host.after(this.settings.tickMs, () => this.#tick())
    const now = this.elapsedMs()
    const storeNow = this.sessions.now()
    for (const actor of this.#actors.values()) {
      if (actor.isAtRest(now)) continue
      actor.tick(storeNow)
      if (actor.hasAttachments || actor.isBusy || actor.isReturning) continue
      actor.stop()
      this.#actors.delete(actor.id)
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
      if (this.slices.isOver()) await this.slices.next()
    }
  }

  async #expire(id: string, now: number): Promise<void> {
    const here = this.#actors.get(id)
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
    else await this.#actorOf(id).expire()
  }
}
