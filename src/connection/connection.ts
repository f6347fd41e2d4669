import type { Diagnostics } from '../api/diagnostics.ts'
import type { ClientState, EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Endpoint } from '../client/settings.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { Attempts, type AttemptsPort } from './attempts.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import { FollowUp } from './follow-up.ts'
import { announcementsBetween, type Command, commandsBetween, frozen, withUnconfirmed } from './machine/effects.ts'
import { deadlineOf, type Input, initialState, type Policy, type State } from './machine/state.ts'
import { transition } from './machine/transition.ts'
import { atRank, rankingOf, transportToRemember } from './machine/transport-ranking.ts'
import { firstState, policyOf } from './machine-setup.ts'
import { Notices } from './notices.ts'
import { type PageNotice, PageSignals } from './page-signals.ts'
import { remember } from './transport-memory.ts'

export interface ConnectionPort extends AttemptsPort {
  readonly diagnosis: Diagnostics | undefined
  raise<Type extends 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis' | 'gap'>(
    type: Type,
    details: EventDetails[Type],
  ): void
}

/** The shell around the machine: it runs the commands, owns the one timer, and raises the events. */
export class Connection {
  readonly #port: ConnectionPort
  readonly #policy: Policy
  readonly #names: readonly string[]
  readonly #attempts: Attempts
  #state: State
  /** The state that the application sees: the same object until it changes. */
  #shown: ClientState = frozen({ status: 'idle' })
  /** Inputs that arrive while another is being applied (a listener calls `close()`) are queued and applied in order. */
  readonly #inputs: Input[] = []
  readonly #timer: DeadlineTimer
  readonly #followUp: FollowUp
  readonly #page: PageSignals
  /** Raises errors that do not affect the connection. */
  readonly notices: Notices

  constructor(port: ConnectionPort) {
    const { host, log, raise, sender, settings } = port
    const { endpoints } = settings
    this.#port = port
    this.#names = endpoints.map(({ transport }) => transport.type)
    this.notices = new Notices(port, () => this.endpoint)
    this.#attempts = new Attempts(port, this, this.notices)
    this.#policy = policyOf(port, this.#attempts)
    this.#timer = new DeadlineTimer(host, () => {
      sender.pump()
      this.apply({ type: 'deadline', heardAt: this.#attempts.heardAt, hasCursor: this.#attempts.hasCursor })
    })
    this.#followUp = new FollowUp(port, (id, diagnosis) => {
      log.refined(id, diagnosis)
      raise('diagnosis', { diagnosis })
      this.apply({ type: 'refined', diagnosis })
    })
    this.#page = new PageSignals(host, (signal) => this.#onPage(signal))
    this.#state = initialState(rankingOf(endpoints.length, null), true, false, null, 0)
  }

  get state(): ClientState {
    return this.#shown
  }

  /** The endpoint of the active attempt. */
  get endpoint(): Endpoint | null {
    return this.#attempts.endpoint
  }

  /** The last known round trip, in milliseconds; 0 if it is unknown. */
  get roundTripMs(): number {
    return this.#state.roundTripMs ?? 0
  }

  /** Whether the connection is closed, or a `close` input is queued. */
  get isClosed(): boolean {
    const last = this.#inputs.filter(({ type }) => type === 'close' || type === 'connect').pop()
    return last ? last.type === 'close' : this.#state.status === 'closed'
  }

  /** Whether the page is being unloaded, so that requests must outlive it. */
  get isLeaving(): boolean {
    return this.#page.isLeaving
  }

  connect(): void {
    const { host, settings, sender } = this.#port
    this.#page.start()
    // While a page is prerendered the browser defers connections, which would be diagnosed as failures.
    if (host.isPrerendering()) return
    const state = this.#state
    this.#page.isLeaving = false
    if (state.status === 'idle') this.#state = firstState(settings, host)
    else if (state.status === 'closed') {
      // The page's events were not observed in the meantime, and the server's session ended with the client.
      settings.mode.begin()
      sender.begin?.()
      this.#state = { ...state, isOnline: host.isOnline(), hiddenSince: host.isHidden() ? host.now() : null }
    }
    this.apply({ type: 'connect' })
  }

  /** Replaces the connection or the running attempts with a new dial; otherwise the same as `connect()`. */
  reconnect(): void {
    const { status } = this.#state
    if (status === 'open' || status === 'connecting') this.apply({ type: 'reconnect' })
    else this.connect()
  }

  /** Closes the connection, cleanly if it is open; see `Attempts.close`. */
  close(code: number | undefined, reason: string, settled?: Promise<void>): void {
    this.#attempts.close(code, reason, settled)
    this.apply({ type: 'close', code: code ?? 1000, reason })
  }

  /** A message was written. */
  messageSent(): void {
    this.#attempts.messageSent()
  }

  /** Disconnects (`isHeld`), or connects again. */
  hold(isHeld: boolean): void {
    this.apply({ type: 'hold', isHeld })
  }

  /** The acknowledgment of a written message is overdue. */
  ackOverdue(): void {
    this.apply({ type: 'ack-overdue' })
  }

  /** A request of the connection failed, so the connection has failed. */
  broke(report: Report): void {
    this.#attempts.broke(report)
  }

  /** The server lost the session while the connection went on. */
  forgotten(id: number): void {
    this.#port.raise('open', this.#attempts.opening(id, this.#state.failures))
  }

  /** Sets the timer to the next deadline. */
  arm(): void {
    this.#timer.arm(this.#dueAt())
  }

  rearm(): void {
    this.#timer.rearm(this.#dueAt())
  }

  /** Applies an input, after those that are queued. */
  apply(input: Input): void {
    this.#inputs.push(input)
    if (this.#inputs.length > 1) return
    for (let next: Input | undefined = input; next; next = this.#inputs[0]) {
      try {
        this.#step(next)
      } catch (error) {
        this.#port.host.report(error)
      }
      this.#inputs.shift()
    }
    this.arm()
  }

  #step(input: Input): void {
    const { host, settings, log, raise, classifier } = this.#port
    const before = this.#state
    const now = host.now()
    const after = transition(before, input, now, this.#policy)
    if (after === before) return
    this.#state = after
    this.#attempts.wantsHeard = after.status === 'open' && (after.link.check !== null || !after.link.isProven)
    const rank = transportToRemember(after.ranking)
    if (rank !== transportToRemember(before.ranking)) remember(rank, after.roundTripMs, settings, host)
    classifier.roundTripMs = after.roundTripMs
    if (before.status === 'open' && after.status !== 'open' && after.status !== 'closed') this.#followUp.lost()
    for (const { id, diagnosis } of after.newFailures) {
      log.failed(id, diagnosis, now)
      if (diagnosis.evidence.kind === 'silent') settings.mode.fellSilent()
      const attempt = this.#attempts.about(id)
      // A closed client asks no follow-up questions.
      if (attempt && after.status !== 'closed') this.#followUp.failed(id, diagnosis, attempt)
    }
    const announcements = announcementsBetween(before, after, this.#names, now, this.#shown, (at) => host.wallTime(at))
    const last = announcements.at(-1)
    if (last?.type === 'state') this.#shown = last.details.state
    const unconfirmed = commandsBetween(before, after).flatMap((command) => this.#run(command))
    const announced = unconfirmed.length ? withUnconfirmed(announcements, unconfirmed, () => this.#gaveUp()) : announcements
    if (after.status === 'closed') {
      this.#followUp.end()
      this.#page.stop()
      settings.mode.end()
    }
    if (after.status === 'open' && (before.status !== 'open' || before.link.id !== after.link.id))
      this.#followUp.opened(atRank(this.#names, after.link.rank))
    for (const announcement of announced) {
      if (announcement.type === 'open') raise('open', this.#attempts.opening(announcement.id, after.failures))
      else raise(announcement.type, announcement.details as never)
    }
  }

  #onPage(signal: PageNotice): void {
    if (signal.type === 'online') this.#followUp.forget()
    if (signal.type === 'violation') this.#followUp.forbade(signal.blockedUrl, signal.directive)
    else if (signal.type === 'activated') this.connect()
    else this.apply({ type: 'page', signal })
  }

  #run(command: Command): readonly unknown[] {
    const { id } = command
    switch (command.do) {
      case 'dial':
        this.#attempts.dial(id, command.rank, { attempt: this.#state.failures, isRefresh: this.#state.isRefreshed })
        break
      case 'activate':
        this.#attempts.activate(id)
        break
      case 'ping':
        this.#attempts.ping()
        break
      case 'poll-now':
        this.#attempts.pollNow()
        break
      case 'hang-up':
        this.#port.log.ended(id, this.#port.host.now(), command.isSilent)
        return this.#attempts.hangUp(id)
      default:
        command satisfies never
    }
    return []
  }

  /** The diagnosis for a link that the application or the page ended: no link failed. */
  #gaveUp(): Diagnosis {
    const kind = this.#state.status === 'connecting' ? 'reconnect' : 'hidden'
    return this.#port.classifier.classify({ kind }, { endpoint: null, phase: 'open', elapsedMs: 0 })
  }

  #dueAt(): number {
    const { sender } = this.#port
    return this.#state.status === 'closed' ? Infinity : Math.min(deadlineOf(this.#state, this.#policy), sender.dueAt())
  }
}
