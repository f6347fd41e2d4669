import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { RecentAttachments } from '../adapters/recent-attachments.ts'
import { TokenBucket } from '../adapters/token-bucket.ts'
import { Attachment } from '../delivery/attachment.ts'
import type { Carrier } from '../delivery/carrier.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { Reauthenticate } from '../delivery/reauthentication.ts'
import { metricsOf, type ServerMetrics } from '../metrics/server-metrics.ts'
import type { Member } from '../presence/members.ts'
import { type Attaching, AttachRequest } from '../session/attach-request.ts'
import { readPostBody } from '../session/post-body.ts'
import { PostRequest, type Receipt } from '../session/post-request.ts'
import { amended } from '../session/record.ts'
import { SessionActors } from '../session/session-actors.ts'
import { type Principal, type Session, SessionHandle } from '../session/session-handle.ts'
import { checkPublished, checkTopic } from '../session/subscribe.ts'
import { Admission } from './admission.ts'
import { endSessions } from './closing.ts'
import { ForeignStores } from './foreign-stores.ts'
import { maxWaitMs, NodeContext, type NodeParts, type NodeSettings } from './node-context.ts'
import { PrincipalSessions } from './principal-sessions.ts'
import { checkPublishOptions, type PublishOptions } from './publish-options.ts'
import { Sweeper } from './sweeper.ts'

/** Whether a server accepts clients. */
export interface ServerHealth {
  /** `store-unavailable`: the store failed or did not answer; clients are refused with 4503 and retry later. */
  readonly status: 'ok' | 'store-unavailable' | 'closing' | 'closed'
  /** The store's error during an outage. */
  readonly error: Error | null
}

/** How many sessions that a node does not know it revokes per second. */
const unknownRevocationsPerSecond = 50

/**
 * One node of a server: all of steadfast.v1 except the sockets. It uses neither `node:http` nor `ws` nor the process's clock, so
 * that it also runs on a virtual network. Several nodes that share a store act as one server.
 */
export class ServerNode {
  readonly #context: NodeContext
  readonly #actors: SessionActors
  readonly #admission: Admission
  readonly #recent: RecentAttachments
  readonly #foreign: ForeignStores
  readonly #revocations = new TokenBucket(unknownRevocationsPerSecond, unknownRevocationsPerSecond, 0)
  readonly #sweeper: Sweeper
  /** A principal's sessions, on all nodes. */
  readonly ofPrincipal: PrincipalSessions
  /** Whether clients may attach: the node is neither closing nor stopped. */
  #isUp = true
  #cancelTick: () => void

  constructor(parts: NodeParts) {
    const { host, settings, sessions } = parts
    const { attachmentsPerSecond, maxSessions } = settings.limits
    this.#context = new NodeContext(
      parts,
      () => this.#actors.size,
      (data) => this.#actors.forwarded(data),
    )
    this.#actors = new SessionActors(this.#context)
    const places = { perSecond: attachmentsPerSecond, maxWaitMs: maxWaitMs(settings), maxPlaces: maxSessions }
    this.#admission = new Admission(places, () => host.random())
    this.#recent = new RecentAttachments(host.elapsedMs())
    this.#foreign = new ForeignStores(sessions, (error) => host.report(error))
    this.#sweeper = new Sweeper(this.#context, this.#actors)
    this.ofPrincipal = new PrincipalSessions(this.#context.sessions, (id) => this.session(id))
    this.#cancelTick = host.after(settings.tickMs, () => this.#tick())
  }

  get settings(): NodeSettings {
    return this.#context.settings
  }

  /** Whether the node accepts clients, and if not, why. */
  get health(): ServerHealth {
    const { outage } = this.#context.health
    if (!this.#isUp) return { status: this.#context.isDown ? 'closed' : 'closing', error: null }
    return outage ? { status: 'store-unavailable', error: outage } : { status: 'ok', error: null }
  }

  metrics(): ServerMetrics {
    return metricsOf(this.#context, this.#actors.size, this.#actors)
  }

  /** Sessions that have an actor on this node now. */
  get sessionsHere(): number {
    return this.#actors.size
  }

  /** Milliseconds since the node was created. */
  elapsedMs(): number {
    return this.#context.elapsedMs()
  }

  /** The retry delay for a client that connects too fast, in milliseconds. */
  pauseMs(): number {
    return this.#context.pauseMs()
  }

  /**
   * Rule 18: the refusal of a client that has to return later; `null` if it may attach now. The adapters call it once for each
   * request to attach, before anything else. POSTs, and requests that continue an attachment of this node, do not count.
   */
  admit(hello: ClientHello): CloseFrame | null {
    const refusal = this.#unavailable(hello)
    if (refusal) return refusal
    if (hello.send || this.isContinued(hello)) return null
    const waitMs = this.#admission.admit(hello.session, this.elapsedMs())
    return waitMs ? { code: codes.tooMany, reason: 'too many at once', retryAfterMs: Math.ceil(waitMs) } : null
  }

  /** Whether a request continues an attachment of this node, as the next poll or a POST beside a stream: it is not a new one. */
  isContinued(hello: ClientHello): boolean {
    const mayContinue = hello.send || hello.wait !== undefined
    return mayContinue && this.#recent.has(hello, this.#context.host.elapsedMs())
  }

  /**
   * Attaches a client, or ends the carrier with the refusal. Frames that came with the hello may be passed to the attachment at
   * once.
   */
  attach(client: Attaching, carrier: Carrier, reauthenticate: Reauthenticate | null = null): Attachment {
    const { hello } = client
    const refusal = this.#refusal(hello, carrier)
    // A refused client leaves no trace.
    const actor = refusal ? this.#actors.unlisted(hello.session) : this.#actors.of(hello.session)
    const attachment = new Attachment(actor, carrier, hello, reauthenticate)
    if (refusal) attachment.end(refusal)
    else {
      this.#foreign.compare(hello)
      if (carrier.medium !== 'websocket') this.#recent.add(hello, this.#context.host.elapsedMs())
      new AttachRequest(actor, attachment, client).start()
    }
    return attachment
  }

  /**
   * `authenticate` has refused a client: ends all attachments of its session, on every node. For a session that this node does not
   * know, this costs a read of the store, so their number is limited.
   */
  revoke(hello: ClientHello): void {
    const isKnown = this.#actors.get(hello.session)?.hasAttachments || this.isContinued(hello)
    if (!this.#isUp || !(isKnown || this.#revocations.take(this.elapsedMs()))) return
    this.#recent.delete(hello)
    this.#actors.of(hello.session).processor.writer.amend((record) => amended(record, { authenticatedAt: null }))
  }

  /** Accepts the lines after the hello of a POST. */
  async post(hello: ClientHello, principal: Principal, lines: readonly string[]): Promise<Receipt> {
    const posted = this.#unavailable(hello) ?? (await readPostBody(lines, this.settings.limits, this.#context.slices))
    if ('code' in posted) return posted
    const refusal = this.#unavailable(hello)
    if (refusal) return refusal
    this.#foreign.compare(hello)
    const isElsewhere = this.#foreign.has(hello, this.elapsedMs(), posted.close !== null)
    if (isElsewhere) return { code: codes.restarting, reason: 'another store' }
    this.#recent.add(hello, this.#context.host.elapsedMs())
    return new Promise((resolve) => {
      new PostRequest(this.#actors.of(hello.session), hello, principal, posted, resolve).start()
    })
  }

  /** Appends a message to a topic. Resolves with its offset once it is in the log. */
  async publish(topic: string, data: unknown, options: PublishOptions = {}): Promise<number> {
    checkPublished(topic, 'publish')
    checkPublishOptions(options)
    return this.#context.publish(topic, data, { key: options.key })
  }

  /** The handle of a session, on whichever node it is attached; `null` if it does not exist or has ended. */
  async session(id: string): Promise<Session | null> {
    const read = await this.#context.sessions.read(id)
    return read && !read.record.ended ? new SessionHandle(this.#actors.commands, id, read.record) : null
  }

  /** The members of a topic, on all nodes. */
  async presence(topic: string): Promise<readonly Member[]> {
    checkTopic(topic, 'presence')
    return this.#context.presence.members(topic)
  }

  /** The node is about to close: from now on it tracks which clients have not received the end of their session. */
  beginClosing(): void {
    const { undeliveredEnds, host } = this.#context
    undeliveredEnds.track((session, k) => this.#recent.has({ session, k }, host.elapsedMs()))
  }

  /**
   * Ends all attachments, waits for at most `drainMs` for running handlers and until the clients of sessions that end with the node
   * have received the end, and stops.
   */
  async close(drainMs: number): Promise<void> {
    if (!this.#isUp) return
    this.#isUp = false
    const { host, leases, acceptances } = this.#context
    acceptances.stop()
    this.beginClosing()
    await endSessions(this.#context, this.#actors, drainMs)
    if (!this.#context.isDown) await leases.release().catch((error) => host.report(error))
    this.halt()
  }

  /**
   * Stops at once: nothing is written to the store or to a carrier after that, and no timer is left. Carriers stay open; the code
   * that created them closes them. `close()` calls it last, and a test that crashes a node calls it alone.
   */
  halt(): void {
    if (this.#context.isDown) return
    this.#isUp = false
    this.#cancelTick()
    this.#actors.stop()
    this.#context.stop()
  }

  #refusal(hello: ClientHello, { medium }: Carrier): CloseFrame | null {
    const actor = this.#actors.get(hello.session)
    const refusal = this.#unavailable(hello)
    if (refusal) return refusal
    const isTooFast = medium === 'answer' && this.isContinued(hello) && actor?.inbox.mayReceive() === false
    const attached = actor ? actor.attachments.size + actor.joining : 0
    const isTooMuch = attached >= this.settings.limits.attachmentsPerSession || isTooFast
    return isTooMuch ? { code: codes.tooMany, reason: 'too many attachments', ...this.#pause() } : null
  }

  /** The temporary refusal of a client: the node is closing, and has not ended its session, or the store does not answer. */
  #unavailable({ session }: ClientHello): CloseFrame | null {
    const { isDown, undeliveredEnds } = this.#context
    if (!this.#isUp && (isDown || !undeliveredEnds.has(session)))
      return { code: codes.restarting, reason: 'restarting', ...this.#pause() }
    return this.#context.health.outage ? { code: codes.restarting, reason: 'store unavailable', ...this.#pause() } : null
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.pauseMs() }
  }

  #tick(): void {
    const { host, settings, sessions } = this.#context
    this.#cancelTick = host.after(settings.tickMs, () => this.#tick())
    const storeNow = sessions.now()
    this.#actors.tick(storeNow)
    this.#context.tick()
    this.#sweeper.tick(storeNow)
  }
}
