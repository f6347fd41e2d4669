import type { FailedAttempt, Prober, ProberContext } from '../api/diagnostics.ts'
import type { Circumstances, FollowUp } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import { isOpenQuestion } from './diagnose.ts'
import { followUp } from './probe.ts'

/** The least time between two rounds of follow-up questions, in milliseconds. */
const minPauseMs = 30_000
/** A restarting server is usually back by then; and a thousand clients should not ask it at once. */
const restartMs = 15_000
/** How long the next transport may take before the questions compete with it for the browser's connections, in milliseconds. */
const fallMs = 1000
/** The jitter of questions about a failure that many clients see at the same time, in milliseconds. */
const spreadMs = 5000

/** The failures of one transport since it was last open, or since the network changed. */
interface Streak {
  readonly type: string
  readonly latest: FailedAttempt
  readonly isAsked: boolean
  /** Whether the questions were answered during the streak: later failures are repeated ones. */
  readonly isAnswered: boolean
}

const none: readonly never[] = []

/**
 * Finds out more about failures than the transports can see, without delaying the connection: no retry waits for it. It asks once
 * per streak of failures, which ends when the transport opens or the network changes, and not again for another transport to
 * which the same answers apply. After the loss of a connection it asks only if the outage is longer than a restart.
 */
export class FailureProber implements Prober {
  readonly #host: Host
  readonly #context: ProberContext
  /** The targets that the page's Content-Security-Policy blocked: it may allow https and not wss, or the reverse. */
  #forbidden: readonly { readonly target: string; readonly directive: string }[] = none
  #streaks: readonly Streak[] = none
  #answers: { readonly of: FailedAttempt; readonly found: FollowUp } | null = null
  /** Transports that have opened since the questions were asked: the answers do not apply to their next failure. */
  #openedSince: readonly string[] = none
  #lastRoundAt = -Infinity
  /** Until then a lost connection may be due to a restart of the server. */
  #patientUntil = -Infinity
  #cancelTimer: (() => void) | null = null
  /** Asks the questions that wait for the next transport, when that has failed as well. */
  #askAtOnce: (() => void) | null = null
  /** The lost connection, until the server reports what it saw of its end. */
  #lost: FailedAttempt | null = null
  #controller: AbortController | null = null

  constructor(context: ProberContext) {
    this.#host = context.host
    this.#context = context
  }

  /** The page's Content-Security-Policy blocked this URL. */
  forbade(blockedUrl: string, directive: string): void {
    // Another directive (`img-src`) may have blocked a request to the same host.
    const target = directive === 'connect-src' && targetOf(blockedUrl)
    if (target && !this.#forbidden.some((each) => each.target === target))
      this.#forbidden = [...this.#forbidden, { target, directive }]
  }

  /** Cancels all requests and discards all findings. */
  end(): void {
    this.#forbidden = none
    this.#lost = null
    this.forget()
  }

  /** An open connection was lost: earlier findings do not apply to this outage. */
  lost(): void {
    this.forget()
    this.#patientUntil = this.#host.now() + Math.max(restartMs, this.#context.spreadMs() ?? 0) * (1 + this.#host.random())
  }

  /** The network has changed: earlier findings no longer apply. */
  forget(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#askAtOnce = null
    this.#patientUntil = -Infinity
    this.#controller?.abort()
    this.#controller = null
    this.#answers = null
    this.#streaks = none
  }

  /** Returns what is known beside a transport's report; `isLoss`: an open connection was lost, to which no answers apply. */
  about(type: string, url: URL, isLoss = false): Partial<Circumstances> {
    const violation = this.#directive(type === 'websocket' ? 'ws' : 'http', url)
    const found = !isLoss && !this.#openedSince.includes(type) && this.#found(type, url)
    const isRepeated = this.#streaks.some((streak) => streak.type === type && streak.isAnswered)
    return {
      ...(violation && { violation }),
      ...(found && { followUp: found, ...(isRepeated && { isRepeated }) }),
    }
  }

  /** An attempt failed: asks follow-up questions if they could tell more. */
  failed(which: FailedAttempt): void {
    const { diagnosis } = which
    this.#askAtOnce?.()
    if (diagnosis.evidence.phase === 'open') this.#lost = which
    if (!this.#context.mayAsk || !isOpenQuestion(diagnosis)) return
    this.#consider(which, diagnosis.evidence.kind === 'silent')
  }

  /** Asks about a failure, now or later, unless it is too early or was asked already. */
  #consider(which: FailedAttempt, isSpread: boolean): void {
    const { type } = which
    const before = this.#streaks.find((streak) => streak.type === type) ?? { type, isAsked: false, isAnswered: false }
    const now = this.#host.now()
    const isDue = now >= this.#lastRoundAt + minPauseMs && (isSpread || now >= this.#patientUntil)
    const isNew = !before.isAsked && !this.#found(type, which.url) && !this.#controller && !this.#cancelTimer
    const mayAsk = isDue && isNew
    const streak = { ...before, latest: which, isAsked: before.isAsked || mayAsk }
    this.#streaks = [...this.#streaks.filter((each) => each.type !== type), streak]
    if (!mayAsk) return
    const ask = () => {
      this.#cancelTimer?.()
      this.#cancelTimer = null
      this.#askAtOnce = null
      this.#ask(which)
    }
    const isFall = which.diagnosis.verdict === 'fallback' && type !== this.#context.transports.at(-1)
    if (isSpread) this.#cancelTimer = this.#host.after(this.#host.random() * spreadMs, ask)
    else if (isFall) {
      this.#askAtOnce = ask
      this.#cancelTimer = this.#host.after(fallMs, ask)
    } else ask()
  }

  /** A transport opened, so its streak ends. `lastEnd`: what the server saw of the end of the previous connection. */
  opened(type: string, lastEnd: Circumstances['lastEnd']): void {
    this.#patientUntil = -Infinity
    this.#streaks = this.#streaks.filter((streak) => streak.type !== type)
    this.#openedSince = [...this.#openedSince.filter((each) => each !== type), type]
    const lost = this.#lost
    this.#lost = null
    if (lost && lastEnd) this.#context.onLearned(lost, { lastEnd })
    // Asks why a better transport failed while this one works.
    const types = this.#context.transports
    const unasked = this.#streaks.find((streak) => !streak.isAsked && types.indexOf(streak.type) < types.indexOf(type))
    if (unasked) this.#consider(unasked.latest, true)
  }

  /** Returns the answers, if they apply to that transport and URL. A ledger applies only to the transport of its attempt. */
  #found(type: string, { origin, pathname }: URL): FollowUp | undefined {
    const { of, found } = this.#answers ?? {}
    // The query is ignored, since it may contain a token that changes each time.
    const isThere = of?.url.origin === origin && (of.url.pathname === pathname || !isAnswered(found))
    return isThere && (of.type === type || !found?.ledger) ? found : undefined
  }

  /** Returns the violated directive. A policy may block a single path; if the browser reports only the origin, all count. */
  #directive(kind: 'ws' | 'http', { host, pathname }: URL): string | undefined {
    const targets = [`${kind} ${host}${pathname}`, `${kind} ${host}`]
    return this.#forbidden.find((each) => targets.includes(each.target))?.directive
  }

  #ask(which: FailedAttempt): void {
    const { url, search, attempt } = which
    const controller = new AbortController()
    this.#controller = controller
    this.#openedSince = none
    this.#lastRoundAt = this.#host.now()
    const { credentials, hasLedger } = this.#context
    const place = new URL(url)
    // The ledger needs no credentials, so the query from `prepare()`, which may contain some, is not sent.
    if (hasLedger) place.search = search
    followUp({ url: place, credentials, ...(hasLedger && { attempt }) }, this.#host, controller.signal)
      .then((found) => {
        if (controller.signal.aborted) return
        this.#controller = null
        // If the page's policy blocks the questions too, their failure says nothing.
        const isForbidden = this.#directive('http', place) !== undefined
        this.#answers = isForbidden ? null : { of: which, found }
        const concerned = this.#streaks.filter(({ type, latest }) => this.#found(type, latest.url))
        const cases = [which, ...concerned.flatMap(({ latest }) => (latest.id === which.id ? [] : [latest]))]
        // Failures before the answers are not repeated ones.
        const learned = cases.map(
          (each) => [each, { ...this.about(each.type, each.url), ...(!isForbidden && { followUp: found }) }] as const,
        )
        this.#streaks = this.#streaks.map((streak) => (concerned.includes(streak) ? { ...streak, isAnswered: true } : streak))
        for (const [each, about] of learned) this.#context.onLearned(each, about)
      })
      .catch((error) => this.#host.report(error))
  }
}

function isAnswered(found: FollowUp | undefined): boolean {
  return found?.readable === 'answered' || found?.opaque === 'answered'
}

function targetOf(blockedUrl: string): string | undefined {
  try {
    const { protocol, host, pathname } = new URL(blockedUrl)
    const path = /^[a-z]+:\/\/[^/]+$/i.test(blockedUrl) ? '' : pathname
    return `${protocol.startsWith('ws') ? 'ws' : 'http'} ${host}${path}`
  } catch {
    // Some violations have a keyword (`inline`) instead of a URL.
    return undefined
  }
}
