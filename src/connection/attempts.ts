import type { EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { PrepareAttempt, RealtimeOptions } from '../api/options.ts'
import type { Moved, Received } from '../api/protocol.ts'
import type { Endpoint, Settings } from '../client/settings.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import { reportOf } from '../transports/failure.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { type Attempt, newAttempt, openDetails } from './attempt.ts'
import type { AttemptLog } from './attempt-log.ts'
import { ClosingLink } from './closing-link.ts'
import { CredentialRenewal } from './credential-renewal.ts'
import { Dialer } from './dialer.ts'
import type { Input } from './machine/state.ts'
import { at } from './machine/transport-ranking.ts'
import type { Notices } from './notices.ts'
import { ResumeCursor } from './resume-cursor.ts'

export interface AttemptsPort {
  readonly host: Host
  readonly settings: Settings
  readonly sender: MessageSender<unknown>
  readonly log: AttemptLog
  readonly classifier: Classifier
  readonly prepare: RealtimeOptions['prepare']
  onMessage(message: Received, transport: string): void
}

/** Whose attempts they are. */
export interface AttemptsOwner {
  apply(input: Input): void
  /** What was to be looked after soon may wait: the timer is put off, so that an idle page is not woken by it. */
  rearm(): void
  /** The server lost what it knew of this client while the connection went on. */
  forgotten(id: number): void
}

/** The attempts that live, what they say, and the cursor that they share. One of them, the active one, carries the connection. */
export class Attempts {
  /** Whether the machine wants to be told of each sign of life; otherwise it learns of the last one when it asks. */
  wantsHeard = false
  heardAt = 0
  readonly #port: AttemptsPort
  readonly #owner: AttemptsOwner
  readonly #notices: Notices
  readonly #dialer: Dialer
  readonly #living = new Map<number, Attempt>()
  #active: Attempt | null = null
  #closing: ClosingLink | null = null
  #renewal: CredentialRenewal | null = null
  readonly #cursor = new ResumeCursor()
  #hasReceived = false
  #hasSent = false

  constructor(port: AttemptsPort, owner: AttemptsOwner, notices: Notices) {
    const { host, settings, prepare } = port
    this.#port = port
    this.#owner = owner
    this.#notices = notices
    this.#dialer = new Dialer(host, settings, prepare, notices)
  }

  get hasCursor(): boolean {
    return this.#port.settings.mode.hasCursor || this.#cursor.value !== ''
  }

  /** What carries the connection now. */
  get endpoint(): Endpoint | null {
    return this.#active?.endpoint ?? null
  }

  dial(id: number, rank: number, about: Omit<PrepareAttempt, 'signal' | 'transport'>): void {
    const { host, settings, log } = this.#port
    this.#closing?.leave()
    const endpoint = at(settings.endpoints, rank)
    const attempt = newAttempt(id, endpoint, host)
    this.#living.set(id, attempt)
    log.dialled(id, endpoint.transport.type, endpoint.url, attempt.since)
    this.#dialer
      .dial(
        attempt,
        about,
        () => this.#cursor.value || null,
        () => this.#owner.apply({ type: 'prepared', id }),
        {
          opened: (roundTripMs) => this.#opened(attempt, roundTripMs),
          heard: (isBeat) => this.#heard(attempt, isBeat),
          received: (message) => this.#received(attempt, message),
          moved: (cursor) => this.#received(attempt, { cursor }),
          challenged: () => this.#renew(attempt),
          failed: (report) => this.#failed(attempt, report),
        },
      )
      .catch((error: unknown) => {
        this.#failed(attempt, reportOf(error, 'blocked'))
      })
  }

  /** Ends an attempt at once; returns what the sender had handed to it of which nobody knows whether it arrived. */
  hangUp(id: number): readonly unknown[] {
    const attempt = this.#living.get(id)
    this.#living.delete(id)
    attempt?.controller.abort()
    if (!attempt || attempt !== this.#active) return []
    this.#active = null
    return this.#port.sender.detach()
  }

  /** This attempt carries the connection from now on. */
  activate(id: number): void {
    const attempt = this.#living.get(id)
    if (!attempt?.link) return
    const { link } = attempt
    const { host, settings, sender } = this.#port
    const { mode } = settings
    this.#active = attempt
    this.heardAt = 0
    if (!mode.resumes(attempt.endpoint.transport.type)) this.#cursor.forget()
    this.#hasReceived = this.#hasSent = false
    mode.activated(link, attempt.call)
    const greeted = this.#dialer.greet(attempt)
    if (greeted) {
      greeted
        .then((delivery) => {
          if (!delivery) return
          if (delivery.outcome !== 'sent') this.#failed(attempt, delivery.report)
          else if (attempt === this.#active) sender.attach(link)
        })
        .catch((error) => host.report(error))
    } else sender.attach(link)
  }

  ping(): void {
    const message = this.#port.settings.mode.ping()
    if (message === undefined || !this.#active?.endpoint.transport.canPing) return
    this.#active.link?.write(message, this.#active.controller.signal)?.catch(() => {})
  }

  pollNow(): void {
    this.#active?.link?.pollNow?.()
  }

  /** Ends the connection in order, after what was written; with `settled` not before that. */
  close(code: number | undefined, reason: string, settled?: Promise<void>): void {
    const active = this.#active
    if (!active) return
    this.#closing ??= new ClosingLink(this.#port.host)
    if (settled) {
      this.#living.delete(active.id)
      this.#active = null
      this.#closing.closeAfter(settled, active, code, reason)
    } else this.#closing.close(active, code, reason)
  }

  /** A living attempt, as a prober gets it. */
  about(id: number): Pick<Attempt, 'id' | 'endpoint' | 'url' | 'name' | 'hasHeard' | 'link'> | undefined {
    return this.#living.get(id)
  }

  /** A request of the active attempt failed, and the attempt with it. */
  broke(report: Report): void {
    if (this.#active) this.#failed(this.#active, report)
  }

  /** A message was handed to the network. */
  messageSent(): void {
    if (this.#hasSent || !this.#active) return
    this.#hasSent = true
    this.#owner.apply({ type: 'message', id: this.#active.id, isIncoming: false })
  }

  opening(id: number, failures: number): EventDetails['open'] {
    return openDetails(this.#living.get(id) as Attempt, this.#port.settings.mode, this.hasCursor, failures)
  }

  #opened(attempt: Attempt, roundTripMs: number | undefined): void {
    const { host, log, sender, settings } = this.#port
    const { id, link } = attempt
    const hadConnection = !!this.#active
    if (attempt.openedAt === null) {
      attempt.openedAt = host.now()
      log.opened(id, attempt.openedAt)
      this.#owner.apply({ type: 'opened', id, hasCursor: this.hasCursor, roundTripMs })
    } else if (link && attempt === this.#active) sender.attach(link)
    const { mode } = settings
    if (mode.isDivided()) this.#notices.divided()
    // No connection was lost, so nothing else would tell that the server has lost what it knew (rule 4).
    if (hadConnection && attempt === this.#active && mode.isForgotten()) this.#owner.forgotten(id)
  }

  #failed(attempt: Attempt, report: Report): void {
    const { id, endpoint, url, link, openedAt, since, hasHeard } = attempt
    if (!this.#living.has(id)) return
    const { host, classifier, settings, sender } = this.#port
    const phase = openedAt !== null ? 'open' : link ? 'connect' : 'prepare'
    const elapsedMs = host.now() - (openedAt ?? since)
    const diagnosis = classifier.classify(report, { endpoint, url, phase, elapsedMs, hasHeard })
    const code = report.kind === 'closed' ? report.code : 0
    const isActive = attempt === this.#active
    if (isActive && (code === codes.tooLarge || code === 1009)) sender.tooLarge?.()
    // What a challenger is refused for says nothing of the connection that goes on beside it.
    const isRenewed = (isActive || !this.#active) && settings.mode.beginsAnewAfter(code)
    this.#owner.apply({ type: 'failed', id, diagnosis: isRenewed ? { ...diagnosis, verdict: 'retry' } : diagnosis })
  }

  #heard(attempt: Attempt, isBeat = false): void {
    attempt.hasHeard = true
    // A connection is of use when its transport says that it is open, not when a handshake, a padding or half a frame has come.
    if (attempt.openedAt === null) return
    const isActive = attempt === this.#active
    if (isActive) this.heardAt = this.#port.host.now()
    if (this.wantsHeard || !isActive || isBeat) this.#owner.apply({ type: 'heard', id: attempt.id, hasCursor: this.hasCursor })
    if (isBeat) this.#owner.rearm()
  }

  #renew(attempt: Attempt): void {
    this.#renewal ??= new CredentialRenewal({
      dialer: this.#dialer,
      onRenewed: (renewed, auth) => this.#renewed(renewed, auth),
      onStopped: (stopped, report) => this.#failed(stopped, report),
    })
    this.#renewal.renew(attempt)
  }

  #renewed(attempt: Attempt, auth: unknown): void {
    if (!this.#living.has(attempt.id)) return
    if (attempt === this.#active) this.#port.settings.mode.authenticated(auth)
    attempt.link?.authenticate?.(auth)
  }

  #received(attempt: Attempt, message: Received | Moved): void {
    const { settings, onMessage } = this.#port
    const { cursor, data } = message
    if (data === undefined && message.gap && attempt === this.#active) this.#notices.missed(message.gap)
    if (data === undefined && attempt === this.#active) this.#cursor.moveTo(message.cursor)
    if (data === undefined || data === settings.mode.heartbeatReply) return
    if (attempt !== this.#active || !this.#hasReceived) {
      // It may make this attempt the active one.
      this.#owner.apply({ type: 'message', id: attempt.id, isIncoming: true })
      if (attempt !== this.#active && !settings.mode.recognizesRepeats) return
      this.#hasReceived = attempt === this.#active
    }
    if (this.#cursor.isRepeated(attempt, cursor)) return
    this.#cursor.arrived(attempt, cursor, this.#living)
    onMessage(message, attempt.endpoint.transport.type)
    if (cursor !== undefined) this.#cursor.moveTo(cursor)
  }
}
