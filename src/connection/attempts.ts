import type { EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { PrepareAttempt, RealtimeOptions } from '../api/options.ts'
import type { Received } from '../api/protocol.ts'
import type { Delivery } from '../api/transport.ts'
import type { Endpoint, Settings } from '../client/settings.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import { deliver } from '../sending/plain-sender.ts'
import { reportOf } from '../transports/failure.ts'
import { within } from '../util/within.ts'
import { base64url } from '../wire/base64.ts'
import { codes } from '../wire/steadfast-v1.ts'
import type { AttemptLog } from './attempt-log.ts'
import { type Attempt, Dialer } from './dialer.ts'
import type { Input } from './machine/state.ts'
import { at } from './machine/transport-ranking.ts'

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
  /** A message could not be read. */
  unreadable(error: unknown): void
  /** The server lost what it knew of this client while the connection went on. */
  forgotten(id: number): void
  /** Two servers that share no store answer in turn. */
  divided(): void
}

/** The attempts that live, what they say, and the cursor that they share. One of them, the active one, carries the connection. */
export class Attempts {
  /** Whether the machine wants to be told of each sign of life; otherwise it learns of the last one when it asks. */
  wantsHeard = false
  heardAt = 0
  readonly #port: AttemptsPort
  readonly #owner: AttemptsOwner
  readonly #dialer: Dialer
  readonly #living = new Map<number, Attempt>()
  #active: Attempt | null = null
  /** Ends what was left to itself. */
  #leave: (() => void) | null = null
  #cursor = ''
  #isRenewing = false
  #hasCarriedIn = false
  #hasCarriedOut = false

  constructor(port: AttemptsPort, owner: AttemptsOwner) {
    this.#port = port
    this.#owner = owner
    this.#dialer = new Dialer(port.host, port.settings, port.prepare, owner)
  }

  get hasCursor(): boolean {
    return this.#port.settings.mode.hasCursor || this.#cursor !== ''
  }

  /** What carries the connection now. */
  get endpoint(): Endpoint | null {
    return this.#active?.endpoint ?? null
  }

  dial(id: number, rank: number, about: Omit<PrepareAttempt, 'signal' | 'transport'>): void {
    const { host, settings, log } = this.#port
    const owner = this.#owner
    this.#leave?.()
    const endpoint = at(settings.endpoints, rank)
    const since = host.now()
    const controller = new AbortController()
    const name = base64url(host.randomBytes(16))
    const attempt: Attempt = {
      id,
      name,
      endpoint,
      url: endpoint.url,
      controller,
      since,
      preparation: {},
      call: null,
      link: null,
      hasHeard: false,
      openedAt: null,
      delivered: null,
    }
    this.#living.set(id, attempt)
    log.dialled(id, endpoint.transport.type, endpoint.url, since)
    this.#dialer
      .dial(
        attempt,
        about,
        () => this.#cursor || null,
        () => owner.apply({ type: 'prepared', id }),
        {
          opened: (roundTripMs) => this.#opened(attempt, roundTripMs),
          heard: (isBeat) => this.#heard(attempt, isBeat),
          received: (message) => this.#received(attempt, message),
          moved: (cursor) => {
            if (attempt === this.#active) this.#cursor = cursor
          },
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
  adopt(id: number): void {
    const attempt = this.#living.get(id)
    if (!attempt?.link) return
    const { link, preparation, controller } = attempt
    const { host, settings, sender } = this.#port
    const { mode } = settings
    this.#active = attempt
    this.heardAt = 0
    if (!mode.resumes(attempt.endpoint.transport.type)) this.#cursor = ''
    this.#hasCarriedIn = this.#hasCarriedOut = false
    mode.activated(link, attempt.call)
    const greeted = preparation.greeting === undefined ? undefined : deliver(link, preparation.greeting, controller.signal)
    if (greeted) {
      within(greeted, settings.connectTimeoutMs, host, late, controller.signal)
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

  nudge(): void {
    this.#active?.link?.nudge?.()
  }

  /**
   * Ends the connection in order, after what was written. With `settled` its attempt is left to itself until then, so that the
   * last acknowledgments are heard, unless the client dials again.
   */
  close(code: number | undefined, reason: string, settled?: Promise<void>): void {
    const active = this.#active
    const leave = () => {
      try {
        active?.link?.close(code, reason)
      } catch (error) {
        // Whatever a link makes of it, the client is closed.
        this.#port.host.report(error)
      }
    }
    if (!settled || !active) {
      leave()
      return
    }
    this.#living.delete(active.id)
    this.#active = null
    this.#leave = () => {
      this.#leave = null
      leave()
      active.controller.abort()
    }
    const settle = () => this.#leave?.()
    settled.then(settle, settle)
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
  carried(): void {
    if (this.#hasCarriedOut || !this.#active) return
    this.#hasCarriedOut = true
    this.#owner.apply({ type: 'carried', id: this.#active.id, isIncoming: false })
  }

  opening(id: number, attempt: number): EventDetails['open'] {
    const { endpoint, since, openedAt } = this.#living.get(id) as Attempt
    const { transport, url } = endpoint
    const { mode } = this.#port.settings
    return {
      transport: transport.type,
      url: url.origin + url.pathname,
      resumed: mode.isResumed(transport.type, this.hasCursor),
      attempt,
      elapsedMs: (openedAt ?? since) - since,
    }
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
    if (mode.isDivided()) this.#owner.divided()
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

  /** Where `prepare()` fails the server ends the connection, and the next attempt tells why; what it stops is over at once. */
  #renew(attempt: Attempt): void {
    if (this.#isRenewing) return
    this.#isRenewing = true
    this.#dialer
      .renew(attempt)
      .then((auth) => {
        this.#isRenewing = false
        if (!this.#living.has(attempt.id)) return
        if (attempt === this.#active) this.#port.settings.mode.authenticated(auth)
        attempt.link?.authenticate?.(auth)
      })
      .catch((error: unknown) => {
        this.#isRenewing = false
        const report = reportOf(error, 'blocked')
        if (report.kind === 'stopped') this.#failed(attempt, report)
      })
  }

  #received(attempt: Attempt, message: Received): void {
    const { settings, onMessage } = this.#port
    const { cursor } = message
    if (message.data === settings.mode.heartbeatReply) return
    if (attempt !== this.#active || !this.#hasCarriedIn) {
      // It may make this attempt the active one.
      this.#owner.apply({ type: 'carried', id: attempt.id, isIncoming: true })
      if (attempt !== this.#active && !settings.mode.recognizesRepeats) return
      this.#hasCarriedIn = attempt === this.#active
    }
    if (cursor !== undefined && attempt.delivered?.delete(cursor)) return
    if (cursor && this.#living.size > 1) {
      for (const other of this.#living.values()) {
        if (other === attempt) continue
        other.delivered ??= new Set()
        other.delivered.add(cursor)
      }
    }
    onMessage(message, attempt.endpoint.transport.type)
    if (cursor !== undefined) this.#cursor = cursor
  }
}

function late(): Delivery {
  return { outcome: 'unconfirmed', report: { kind: 'timeout' } }
}
