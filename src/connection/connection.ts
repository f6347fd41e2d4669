import type { Diagnostics, FailedAttempt, Prober } from '../api/diagnostics.ts'
import type { ClientState, EventDetails } from '../api/events.ts'
import type { Circumstances, Report } from '../api/evidence.ts'
import type { Endpoint } from '../client/settings.ts'
import { messageOf } from '../util/type-tags.ts'
import { Attempts, type AttemptsPort } from './attempts.ts'
import { unsettled } from './dialer.ts'
import { type Announcement, announcementsBetween, type Command, commandsBetween, frozen } from './machine/effects.ts'
import { deadlineOf, type Input, initialState, type Policy, type State } from './machine/state.ts'
import { transition } from './machine/transition.ts'
import { at, lesson, rankingOf } from './machine/transport-ranking.ts'
import { recall, remember } from './transport-memory.ts'

export interface ConnectionPort extends AttemptsPort {
  readonly diagnosis: Diagnostics | undefined
  raise<Type extends 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis'>(
    type: Type,
    details: EventDetails[Type],
  ): void
}

/** The shell around the machine: it runs the commands, owns the one timer, and says what happened. */
export class Connection {
  readonly #port: ConnectionPort
  readonly #policy: Policy
  readonly #names: readonly string[]
  readonly #attempts: Attempts
  #state: State
  /** What the application sees of it: the same object until something of that changes. */
  #shown: ClientState = frozen({ status: 'idle' })
  /** What came while something was being applied (a listener that calls `close()`) is applied after it, in order. */
  readonly #inputs: Input[] = []
  #isDivided = false
  #isLeaving = false
  #timerAt = Infinity
  #cancelTimer: (() => void) | null = null
  #stopListening: (() => void) | null = null

  constructor(port: ConnectionPort) {
    const { host, settings, classifier, prepare } = port
    const { endpoints, mode } = settings
    this.#port = port
    this.#names = endpoints.map(({ transport }) => transport.type)
    this.#attempts = new Attempts(port, this)
    this.#policy = {
      connectTimeoutMs: settings.connectTimeoutMs,
      provingMs: settings.provingMs,
      raceAfterMs: settings.raceAfterMs,
      retry: settings.retry,
      ranked: endpoints.map(({ transport }, rank) => ({
        // Where the URL is relative, it is not known before the first dial.
        get origin() {
          return at(endpoints, rank).url.origin
        },
        isProvenByHearing: !!transport.isProvenByHearing,
        isAsking: !!transport.isAsking,
        canPing: !!transport.canPing && mode.canPing,
        isProvenByReply: !!transport.canPing && mode.isProvenByReply,
        resumes: mode.resumes(transport.type),
      })),
      heartbeat: () => mode.heartbeat(),
      slackMs: () => mode.graceMs(),
      prepares: !!prepare,
      random: () => host.random(),
      diagnose: (report, { id, rank }, phase, elapsedMs) => {
        const { url, hasHeard, link } = this.#attempts.about(id) ?? {}
        const seen = { ...(url && { url }), ...(hasHeard !== undefined && { hasHeard }) }
        // What has not been dialled yet waits for `prepare()`.
        const isUnprepared = !!prepare && link === null && report.kind === 'timeout'
        const told: Report = isUnprepared ? unsettled(elapsedMs) : report
        return classifier.classify(told, {
          endpoint: at(endpoints, rank),
          phase: isUnprepared ? 'prepare' : phase,
          elapsedMs,
          ...seen,
        })
      },
    }
    this.#state = initialState(rankingOf(endpoints.length, null), true, false, null, 0)
  }

  get state(): ClientState {
    return this.#shown
  }

  /** What carries the connection now. */
  get endpoint(): Endpoint | null {
    return this.#attempts.endpoint
  }

  /** The last known round trip, in milliseconds; 0 when there is none. */
  get roundTripMs(): number {
    return this.#state.roundTripMs ?? 0
  }

  /** Closed, or about to be once what is being told has been told. */
  get isClosed(): boolean {
    const last = this.#inputs.filter(({ type }) => type === 'close' || type === 'connect').pop()
    return last ? last.type === 'close' : this.#state.status === 'closed'
  }

  /** The page is going away: what is to reach the server must outlive it. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  connect(): void {
    const { host, settings, sender, classifier } = this.#port
    this.#stopListening ??= host.listen((signal) => {
      if (signal.type === 'online') classifier.prober?.forget()
      // Whatever else is heard of a page, it is heard of one that is there.
      this.#isLeaving = signal.type === 'leaving' || (this.#isLeaving && signal.type === 'hidden')
      if (signal.type === 'violation') this.#prober()?.forbade(signal.blockedUrl, signal.directive)
      else if (signal.type === 'activated') this.connect()
      else this.apply({ type: 'page', signal })
    })
    // What a browser holds back until the page is shown would be taken for what does not work.
    if (host.isPrerendering()) return
    const state = this.#state
    this.#isLeaving = false
    if (state.status === 'idle') {
      const memory = recall(settings, host)
      const roundTripMs = memory?.roundTripMs ?? host.roundTripMs(settings.url) ?? null
      this.#state = initialState(
        rankingOf(settings.endpoints.length, memory),
        host.isOnline(),
        host.isHidden(),
        roundTripMs,
        host.now(),
      )
    } else if (state.status === 'closed') {
      // Nobody listened to the page in the meantime, and what the server knew ended with the client.
      settings.mode.begin()
      sender.begin?.()
      this.#state = { ...state, isOnline: host.isOnline(), hiddenSince: host.isHidden() ? host.now() : null }
    }
    this.apply({ type: 'connect' })
  }

  /** Dials anew in place of what is open or being dialled; otherwise as `connect()`. */
  reconnect(): void {
    const { status } = this.#state
    if (status === 'open' || status === 'connecting') this.apply({ type: 'reconnect' })
    else this.connect()
  }

  /** Ends the connection, in order where it is open; see `Attempts.close`. */
  close(code: number | undefined, reason: string, settled?: Promise<void>): void {
    this.#attempts.close(code, reason, settled)
    this.apply({ type: 'close', code: code ?? 1000, reason })
  }

  /** A message was handed to the network. */
  carried(): void {
    this.#attempts.carried()
  }

  /** Hangs up until it is told to go on. */
  hold(isHeld: boolean): void {
    this.apply({ type: 'hold', isHeld })
  }

  /** What was sent should have been acknowledged by now. */
  ackOverdue(): void {
    this.apply({ type: 'doubt' })
  }

  /** A request of the connection failed, and the connection with it. */
  broke(report: Report): void {
    this.#attempts.broke(report)
  }

  /** A message that the codec or the protocol cannot read is lost, the connection is not. */
  unreadable(error: unknown): void {
    const { classifier, raise } = this.#port
    const diagnosis = classifier.classify(
      { kind: 'unreadable', detail: messageOf(error) },
      { endpoint: this.endpoint, phase: 'open', elapsedMs: 0 },
    )
    raise('error', { scope: 'message', diagnosis, retry: null })
  }

  /** Said once. */
  divided(): void {
    if (this.#isDivided) return
    this.#isDivided = true
    const { classifier, raise } = this.#port
    const diagnosis = classifier.classify({ kind: 'divided' }, { endpoint: this.endpoint, phase: 'open', elapsedMs: 0 })
    raise('error', { scope: 'connection', diagnosis, retry: null })
  }

  /** The server lost what it knew of this client while the connection went on. */
  forgotten(id: number): void {
    this.#port.raise('open', this.#attempts.opening(id, this.#state.failures))
  }

  /** Holds the one timer to what is due next. */
  arm(): void {
    const { host, sender } = this.#port
    const isClosed = this.#state.status === 'closed'
    const due = isClosed ? Infinity : Math.min(deadlineOf(this.#state, this.#policy), sender.dueAt())
    // One that fires too early looks again: to put it off with every message would cost more than the message.
    if (due >= this.#timerAt && due < Infinity) return
    this.#cancelTimer?.()
    this.#timerAt = due
    if (due === Infinity) return
    this.#cancelTimer = host.after(Math.max(0, due - host.now()), () => {
      this.#timerAt = Infinity
      sender.pump()
      this.apply({ type: 'deadline', heardAt: this.#attempts.heardAt, hasCursor: this.#attempts.hasCursor })
    })
  }

  rearm(): void {
    this.#cancelTimer?.()
    this.#timerAt = Infinity
    this.arm()
  }

  /** Something happened. */
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
    this.#attempts.wantsHeard = after.status === 'open' && (after.link.asked !== null || !after.link.isProven)
    const rank = lesson(after.ranking)
    if (rank !== lesson(before.ranking)) remember(rank, after.roundTripMs, settings, host)
    classifier.roundTripMs = after.roundTripMs
    if (before.status === 'open' && after.status !== 'open' && after.status !== 'closed') this.#prober()?.lost()
    for (const { id, diagnosis } of after.news) {
      log.failed(id, diagnosis, now)
      if (diagnosis.evidence.kind === 'silent') settings.mode.fellSilent()
      const attempt = this.#attempts.about(id)
      // When it is over nobody waits for an answer.
      if (attempt && after.status !== 'closed') {
        const { endpoint, url, name } = attempt
        this.#prober()?.failed({ id, type: endpoint.transport.type, url, search: endpoint.url.search, attempt: name, diagnosis })
      }
    }
    const announcements = announcementsBetween(before, after, this.#names, now, this.#shown, (at) => host.wallTime(at))
    const last = announcements.at(-1)
    if (last?.type === 'state') this.#shown = last.details.state
    const unconfirmed = commandsBetween(before, after).flatMap((command) => this.#run(command))
    if (unconfirmed.length) this.#addUnconfirmed(announcements, unconfirmed)
    if (after.status === 'closed') {
      this.#stop()
      settings.mode.end()
    }
    if (after.status === 'open' && (before.status !== 'open' || before.link.id !== after.link.id))
      this.#opened(at(this.#names, after.link.rank))
    for (const announcement of announcements) {
      if (announcement.type === 'open') raise('open', this.#attempts.opening(announcement.id, after.failures))
      else raise(announcement.type, announcement.details as never)
    }
  }

  #run(command: Command): readonly unknown[] {
    const { id } = command
    switch (command.do) {
      case 'dial':
        this.#attempts.dial(id, command.rank, { attempt: this.#state.failures, isRefresh: this.#state.isRefreshed })
        break
      case 'adopt':
        this.#attempts.adopt(id)
        break
      case 'ping':
        this.#attempts.ping()
        break
      case 'nudge':
        this.#attempts.nudge()
        break
      case 'hang-up':
        this.#port.log.ended(id, this.#port.host.now(), command.isSilent)
        return this.#attempts.hangUp(id)
      default:
        command satisfies never
    }
    return []
  }

  /** What the lost link had taken belongs to the error that tells of the loss. */
  #addUnconfirmed(announcements: Announcement[], unconfirmed: readonly unknown[]): void {
    const index = announcements.findIndex(({ type }) => type === 'error')
    const error = announcements[index]
    if (error?.type === 'error') {
      announcements[index] = { type: 'error', details: { ...error.details, unconfirmed } }
      return
    }
    const kind = this.#state.status === 'connecting' ? 'reconnect' : 'hidden'
    const diagnosis = this.#port.classifier.classify({ kind }, { endpoint: null, phase: 'open', elapsedMs: 0 })
    announcements.unshift({ type: 'error', details: { scope: 'message', diagnosis, retry: null, unconfirmed } })
  }

  #prober(): Prober | null {
    const { host, settings, classifier, diagnosis } = this.#port
    const { mode, credentials, probe } = settings
    classifier.prober ??=
      diagnosis?.prober?.({
        ...{ host, credentials, mayAsk: probe, transports: this.#names, hasLedger: mode.hasLedger },
        spreadMs: () => mode.spreadMs(),
        onNews: (which, news) => this.#refine(which, news),
      }) ?? null
    return classifier.prober
  }

  #opened(type: string): void {
    const { settings, classifier } = this.#port
    classifier.opened(type)
    classifier.prober?.opened(type, settings.mode.lastEnd())
  }

  /** A follow-up question told more of a failure. */
  #refine({ id, diagnosis: before }: FailedAttempt, news: Partial<Circumstances>): void {
    const { classifier, log, raise } = this.#port
    const diagnosis = classifier.reclassify(before, news)
    log.refined(id, diagnosis)
    raise('diagnosis', { diagnosis })
    this.apply({ type: 'refined', diagnosis })
  }

  #stop(): void {
    this.#port.classifier.prober?.end()
    this.#stopListening?.()
    this.#stopListening = null
  }
}
