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
import { atRank } from './machine/transport-ranking.ts'
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

/** The owner of the attempts: the `Connection`. */
export interface AttemptsOwner {
  apply(input: Input): void
  /** Moves the timer to the next deadline, which may be later now, so that an idle page is not woken in vain. */
  rearm(): void
  /** The server lost the session while the connection went on. */
  forgotten(id: number): void
}

/** The live attempts, their callbacks, and the cursor that they share. One of them, the active one, carries the connection. */
export class Attempts {
  /** Whether each sign of life is an input of the machine; otherwise it gets the time of the last one with the next deadline. */
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

  /** The endpoint of the active attempt. */
  get endpoint(): Endpoint | null {
    return this.#active?.endpoint ?? null
  }

  dial(id: number, rank: number, about: Omit<PrepareAttempt, 'signal' | 'transport'>): void {
    const { host, settings, log } = this.#port
    this.#closing?.leave()
    const endpoint = atRank(settings.endpoints, rank)
    const attempt = newAttempt(id, endpoint, host)
    this.#living.set(id, attempt)
    log.dialled(id, endpoint.transport.type, endpoint.url.get(), attempt.since)
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

  /** Ends an attempt at once; returns the unconfirmed messages that were written to it. */
  hangUp(id: number): readonly unknown[] {
    const attempt = this.#living.get(id)
    this.#living.delete(id)
    attempt?.controller.abort()
    if (!attempt || attempt !== this.#active) return []
    this.#active = null
    return this.#port.sender.detach()
  }

  /** Makes this attempt the active one. */
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

  /** Closes the connection cleanly, after everything that was written and, if given, after `settled`. */
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

  /** Returns a live attempt. */
  about(id: number): Pick<Attempt, 'id' | 'endpoint' | 'url' | 'name' | 'hasHeard' | 'link'> | undefined {
    return this.#living.get(id)
  }

  /** A request of the active attempt failed, so the attempt has failed. */
  broke(report: Report): void {
    if (this.#active) this.#failed(this.#active, report)
  }

  /** A message was written. */
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
    // No connection was lost, so no other event would tell that the server has lost the session (rule 4).
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
    // A challenger's failure does not concern the open connection, which goes on.
    const isRenewed = (isActive || !this.#active) && settings.mode.beginsAnewAfter(code)
    this.#owner.apply({ type: 'failed', id, diagnosis: isRenewed ? { ...diagnosis, verdict: 'retry' } : diagnosis })
  }

  #heard(attempt: Attempt, isBeat = false): void {
    attempt.hasHeard = true
    // A handshake, padding or half a frame is no sign of life: it counts only after the transport has reported `opened`.
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
      // This input may make the attempt the active one.
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
