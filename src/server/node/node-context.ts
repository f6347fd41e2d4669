import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { ClientRequests } from '../calls/client-requests.ts'
import { TopicFeeds } from '../delivery/topic-feeds.ts'
import type { Handlers } from '../handlers.ts'
import type { Limits } from '../limits.ts'
import { meteredHandlers } from '../metrics/metered-handlers.ts'
import { Meters } from '../metrics/meters.ts'
import { Presence, type PresenceInfo } from '../presence/presence.ts'
import { Acceptances } from '../session/acceptance.ts'
import { Backlog } from '../session/backlog.ts'
import type { Principal, ServerCodec } from '../session/session-handle.ts'
import { UnreadSessions } from '../session/unread-sessions.ts'
import { BoundedCalls, boundedSessions, boundedTopics } from '../store/bounded-calls.ts'
import type { Payload, SessionRecord, SessionStore, TopicLog } from '../store/ports.ts'
import { reportingOutagesOnce, StoreHealth, StoreUnavailableError } from '../store/store-health.ts'
import type { TopicKeep } from '../topic-keep.ts'
import { LoopIteration } from '../util/loop-iteration.ts'
import { payloadOf } from '../util/payload.ts'
import { TimeSlices } from '../util/time-slices.ts'
import { AckTimer } from './ack-timer.ts'
import { ForwardedLog, topicOf } from './forwarded-log.ts'
import type { ServerHost } from './host.ts'
import { type FirstLease, NodeLeases } from './node-leases.ts'
import type { PublishOptions } from './publish-options.ts'
import { Renewals } from './renewals.ts'
import { UndeliveredEnds } from './undelivered-ends.ts'

/** The shortest window over which clients spread their return, in milliseconds (rule 18). */
const minWindowMs = 50

/** The settings of a node, checked and complete. */
export interface NodeSettings {
  readonly limits: Limits
  /** The longest silence of a held attachment, in milliseconds (rule 6). */
  readonly heartbeatMs: number
  /** How long a session outlives its last attachment, in milliseconds (rules 4 and 8). */
  readonly resumeWindowMs: number
  /** How long after the last renewal of its lease a node that runs handlers is presumed dead, in milliseconds (rule 2). */
  readonly leaseMs: number
  /** How long checked credentials are trusted, in milliseconds; a principal's own `expiresAt` may end that earlier. */
  readonly reauthenticateMs?: number
  /** How long the handler of a request is awaited, in milliseconds (rule 21). */
  readonly requestTimeoutMs?: number
  /** Timeout of a call of the store, in milliseconds; left out for a store in this process, which answers synchronously. */
  readonly storeTimeoutMs?: number | undefined
  /** The information about a session that other members of a topic see. */
  readonly presence?: PresenceInfo | undefined
  /** How long after the death of its node a member leaves a topic at the latest, in milliseconds. */
  readonly presenceTimeoutMs?: number | undefined
  /** How much of a topic the store keeps. */
  readonly keep?: (topic: string) => TopicKeep
  /** How often a node checks what no event reports, in milliseconds: timeouts, leases, lost announcements. */
  readonly tickMs: number
  /** Whether the option `authenticate` is set, which distinguishes principals. */
  readonly isAuthenticating: boolean
  /** Whether each session stays on the node that ran its `onSession` (rule 20). */
  readonly pinSessions?: boolean
  /** Encodes the application's values as messages, and decodes them. */
  readonly codec?: ServerCodec<unknown, unknown> | undefined
}

/** The parts from which a node is built. */
export interface NodeParts {
  readonly host: ServerHost
  readonly settings: NodeSettings
  readonly handlers: Handlers
  readonly topics: TopicLog
  readonly sessions: SessionStore
  /** @defaultValue new ones */
  readonly meters?: Meters
}

/** The shared parts of one node's sessions: its ports and settings, its clock, and the counts over all sessions. */
export class NodeContext implements NodeParts {
  readonly id: string
  readonly host: ServerHost
  readonly settings: NodeSettings
  readonly handlers: Handlers
  readonly topics: TopicLog
  readonly sessions: SessionStore
  readonly feeds: TopicFeeds
  /** The messages that wait for the handlers, over all sessions. */
  readonly backlog: Backlog
  /** Time slices for long-running work. */
  readonly slices: TimeSlices
  readonly iteration: LoopIteration
  readonly acks: AckTimer
  readonly renewals: Renewals
  /** The sessions that wait for the application's `acceptSession`. */
  readonly acceptances: Acceptances
  /** The messages sent from this node that clients have not acknowledged. */
  readonly unread: UnreadSessions
  readonly presence: Presence
  /** The unanswered requests to clients. */
  readonly clientRequests: ClientRequests
  /** Which nodes are alive, for pinned sessions. */
  readonly leases: NodeLeases
  readonly health = new StoreHealth()
  readonly meters: Meters
  readonly undeliveredEnds = new UndeliveredEnds()
  readonly #calls: BoundedCalls | null
  readonly #sessionsHere: () => number
  readonly #madeAt: number
  #isDown = false

  constructor(
    { host, settings, handlers, topics, sessions, meters = new Meters() }: NodeParts,
    sessionsHere: () => number,
    forwarded: (data: Payload) => void = () => {},
  ) {
    this.id = host.randomId()
    this.host = reportingOutagesOnce(host)
    this.settings = settings
    this.meters = meters
    this.handlers = meteredHandlers(handlers, meters)
    this.#calls = settings.storeTimeoutMs === undefined ? null : new BoundedCalls(host, settings.storeTimeoutMs, this.health)
    this.topics = this.#calls ? boundedTopics(topics, this.#calls, meters.topics) : topics
    this.sessions = this.#calls ? boundedSessions(sessions, this.#calls, meters.sessions) : sessions
    this.iteration = new LoopIteration(this.host)
    this.feeds = new TopicFeeds(this.topics, this.host, this.iteration)
    this.backlog = new Backlog(settings.limits, settings.isAuthenticating)
    this.slices = new TimeSlices(this.host)
    this.acks = new AckTimer(this.host)
    this.renewals = new Renewals(this)
    this.acceptances = new Acceptances(this)
    this.unread = new UnreadSessions(this)
    this.presence = new Presence(this)
    this.clientRequests = new ClientRequests(this)
    this.leases = new NodeLeases(this, (name) => {
      const log = new ForwardedLog(topicOf(name), this.topics, this.host, (data) => forwarded(data))
      return () => log.stop()
    })
    this.#sessionsHere = sessionsHere
    this.#madeAt = host.elapsedMs()
  }

  /** The node has stopped: code that resumes after an `await` must do nothing more. */
  get isDown(): boolean {
    return this.#isDown
  }

  /** Whole milliseconds since the node was created: small integers, which V8 stores without a heap object per attachment. */
  elapsedMs(): number {
    return Math.round(this.host.elapsedMs() - this.#madeAt)
  }

  /** The name under which this node holds a session's lease; `null` if it cannot hold one now. */
  nameFor({ isPinned }: Pick<SessionRecord, 'isPinned'>): string | null {
    return isPinned ? this.leases.nameOrTake() : this.id
  }

  /** Whether this node holds the lease of a session, so that no other node may have taken over. */
  isHolder(record: SessionRecord): boolean {
    return record.lease !== null && record.lease.node === (record.isPinned ? this.leases.name : this.id)
  }

  /** Until when the lease of a session is held, by the store's clock; 0 if there is none. */
  heldUntil({ lease, isPinned }: SessionRecord): number {
    if (!lease) return 0
    return isPinned ? this.leases.untilOf(lease.node) : lease.until
  }

  /** The lease of a session that is created here. */
  async firstLease(): Promise<FirstLease> {
    const { pinSessions, leaseMs } = this.settings
    if (pinSessions) {
      const name = await this.leases.take()
      if (name === null) throw new StoreUnavailableError('the store has not taken the lease of this node')
      return { lease: { node: name, until: 0 }, isPinned: true }
    }
    return { lease: this.handlers.onSession ? { node: this.id, until: this.sessions.now() + leaseMs } : null }
  }

  /** Appends a message to a topic. Resolves with its offset once it is in the log. */
  async publish(topic: string, data: unknown, { key }: PublishOptions): Promise<number> {
    const { codec, limits, keep } = this.settings
    const payload = payloadOf(codec ? codec.encode(data) : data, 'publish', limits.maxMessageBytes)
    const { messages, ageMs } = keep?.(topic) ?? {}
    const offset = await this.topics.append(topic, payload, { key, maxMessages: messages, maxAgeMs: ageMs })
    this.meters.published += 1
    return offset
  }

  /** The refusal if there is no room for another session; `null` if there is. */
  async roomFor(principal: Principal): Promise<CloseFrame | null> {
    const { maxSessions, sessionsPerPrincipal } = this.settings.limits
    const { all, ofPrincipal } = await this.sessions.count(principal.id)
    if (all >= maxSessions) return { code: codes.tooMany, reason: 'too many sessions', retryAfterMs: this.pauseMs() }
    if (!this.settings.isAuthenticating || ofPrincipal < sessionsPerPrincipal) return null
    return { code: codes.tooMany, reason: 'too many sessions of this principal', retryAfterMs: this.pauseMs() }
  }

  /** The period over which the clients of this node spread their return, in milliseconds (rule 18). */
  retryWindowMs(): number {
    const { attachmentsPerSecond } = this.settings.limits
    const windowMs = Math.round((this.#sessionsHere() / attachmentsPerSecond) * 1000)
    return Math.min(maxWaitMs(this.settings), Math.max(minWindowMs, windowMs))
  }

  /** The retry delay for a client that connects too fast, in milliseconds. */
  pauseMs(): number {
    return Math.round(1000 + this.host.random() * Math.max(1000, this.retryWindowMs()))
  }

  tick(): void {
    this.leases.tick()
    this.renewals.tick()
    this.feeds.tick()
    this.presence.tick()
    this.unread.tick()
  }

  /** Stops the node for good: none of its shared parts keeps a timer. */
  stop(): void {
    this.#isDown = true
    this.acceptances.stop()
    this.unread.stop()
    this.acks.stop()
    this.slices.stop()
    this.iteration.stop()
    this.feeds.stop()
    this.presence.stop()
    this.clientRequests.stop()
    this.leases.stop()
    this.#calls?.stop()
  }
}

/** How often a node ticks, in milliseconds: often enough for its timeouts. */
export function tickOf(heartbeatMs: number, leaseMs: number, resumeWindowMs: number, reauthenticateMs = Infinity): number {
  return Math.max(1, Math.min(1000, heartbeatMs / 8, leaseMs / 4, resumeWindowMs / 4, reauthenticateMs / 4))
}

/** The longest retry delay, in milliseconds: a client's session must not expire meanwhile (rule 18). */
export function maxWaitMs({ resumeWindowMs }: NodeSettings): number {
  return Math.min(30_000, resumeWindowMs / 2)
}
