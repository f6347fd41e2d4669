import type { FailedAttempt, Prober, ProberContext } from '../api/diagnostics.ts'
import type { Circumstances, FollowUp } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import { isOpenQuestion } from './diagnose.ts'
import { followUp } from './probe.ts'

/** No two rounds of questions lie closer together. */
const leastPauseMs = 30_000
/** A server that restarts is back by then, as a rule; and a thousand clients should not ask it at once. */
const restartMs = 15_000
/** The transport that is tried next has so long to open before the questions compete with it for the page and its connections. */
const fallMs = 1000
/** What many clients see in the same instant they do not ask about in the same instant. */
const spreadMs = 5000

/** The failures of one transport since it was last open, or since the network has changed. */
interface Streak {
  readonly type: string
  readonly latest: FailedAttempt
  readonly isAsked: boolean
  /** Whether answers came since it began: a failure from now on is a repeated one. */
  readonly isAnswered: boolean
}

const none: readonly never[] = []

/**
 * Finds out more about failures than their transports could see, beside the connection and never in its way: no retry waits for
 * it. A streak of failures, until the transport opens or the network changes, is asked about once, and not again about another
 * transport to which the same answers apply. When a connection has been lost, only an outage that no restart explains is asked about.
 */
export class FailureProber implements Prober {
  readonly #host: Host
  readonly #context: ProberContext
  /** What the page's policy forbade: it may allow https and not wss, or the other way round. */
  #forbidden: readonly { readonly target: string; readonly directive: string }[] = none
  #streaks: readonly Streak[] = none
  #answers: { readonly of: FailedAttempt; readonly found: FollowUp } | null = null
  /** What has opened since they were asked for: of its next failure they say nothing. */
  #openedSince: readonly string[] = none
  #lastRoundAt = -Infinity
  /** A server whose connection was lost may be restarting until then. */
  #patientUntil = -Infinity
  #cancelTimer: (() => void) | null = null
  /** Asks what waits for the next transport, which has failed as well. */
  #askAtOnce: (() => void) | null = null
  /** A connection that was lost, until its server says what it saw of that, where it does. */
  #lost: FailedAttempt | null = null
  #controller: AbortController | null = null

  constructor(context: ProberContext) {
    this.#host = context.host
    this.#context = context
  }

  /** What the page's policy forbids. */
  forbade(blockedUrl: string, directive: string): void {
    const target = targetOf(blockedUrl)
    if (target && !this.#forbidden.some((each) => each.target === target))
      this.#forbidden = [...this.#forbidden, { target, directive }]
  }

  /** Ends everything, and forgets it. */
  end(): void {
    this.#forbidden = none
    this.#lost = null
    this.forget()
  }

  /** An open connection was lost: what was found before says nothing of this outage. */
  lost(): void {
    this.forget()
    this.#patientUntil = this.#host.now() + Math.max(restartMs, this.#context.spreadMs() ?? 0) * (1 + this.#host.random())
  }

  /** The network has changed: what was found was found in another. */
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

  /** What is known beside what a transport saw of its failure; `isLoss`: of an open connection, which nothing was asked about. */
  about(type: string, url: URL, isLoss = false): Partial<Circumstances> {
    const violation = this.#directive(type === 'websocket' ? 'ws' : 'http', url)
    const found = !isLoss && !this.#openedSince.includes(type) && this.#found(type, url)
    const isRepeated = this.#streaks.some((streak) => streak.type === type && streak.isAnswered)
    return {
      ...(violation && { violation }),
      ...(found && { followUp: found, ...(isRepeated && { isRepeated }) }),
    }
  }

  /** An attempt failed; where that leaves something to ask, it is asked. */
  failed(which: FailedAttempt): void {
    const { diagnosis } = which
    this.#askAtOnce?.()
    if (diagnosis.evidence.phase === 'open') this.#lost = which
    if (!this.#context.mayAsk || !isOpenQuestion(diagnosis)) return
    this.#consider(which, diagnosis.evidence.kind === 'silent')
  }

  /** Asks about it, if that has a point now. */
  #consider(which: FailedAttempt, isSpread: boolean): void {
    const { type } = which
    const before = this.#streaks.find((streak) => streak.type === type) ?? { type, isAsked: false, isAnswered: false }
    const now = this.#host.now()
    const isDue = now >= this.#lastRoundAt + leastPauseMs && (isSpread || now >= this.#patientUntil)
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

  /** A transport is open: its streak is over. `lastEnd`: what the server saw of the end of the connection before. */
  opened(type: string, lastEnd: Circumstances['lastEnd']): void {
    this.#patientUntil = -Infinity
    this.#streaks = this.#streaks.filter((streak) => streak.type !== type)
    this.#openedSince = [...this.#openedSince.filter((each) => each !== type), type]
    const lost = this.#lost
    this.#lost = null
    if (lost && lastEnd) this.#context.onLearned(lost, { lastEnd })
    // Why a better transport failed where this one works is worth a question.
    const types = this.#context.transports
    const unasked = this.#streaks.find((streak) => !streak.isAsked && types.indexOf(streak.type) < types.indexOf(type))
    if (unasked) this.#consider(unasked.latest, true)
  }

  /** The answers, where they are to a question about that way. What a server saw of an attempt says nothing of another transport's. */
  #found(type: string, { origin, pathname }: URL): FollowUp | undefined {
    const { of, found } = this.#answers ?? {}
    // The query may hold a token that is another every time.
    const isThere = of?.url.origin === origin && (of.url.pathname === pathname || !isAnswered(found))
    return isThere && (of.type === type || !found?.ledger) ? found : undefined
  }

  /** A policy may forbid one path of a host and allow another; browsers that tell the origin alone mean all of it. */
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
    // What a ledger is asked for is no secret, so nothing that might be one goes along.
    if (hasLedger) place.search = search
    followUp({ url: place, credentials, ...(hasLedger && { attempt }) }, this.#host, controller.signal)
      .then((found) => {
        if (controller.signal.aborted) return
        this.#controller = null
        // Questions that the page's policy forbids are answered by nobody.
        const isForbidden = this.#directive('http', place) !== undefined
        this.#answers = isForbidden ? null : { of: which, found }
        const concerned = this.#streaks.filter(({ type, latest }) => this.#found(type, latest.url))
        const cases = [which, ...concerned.flatMap(({ latest }) => (latest.id === which.id ? [] : [latest]))]
        // What failed before the answers is no repetition.
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
    // Some violations name a keyword (`inline`) in place of a URL.
    return undefined
  }
}
