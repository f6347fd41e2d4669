import type { Report } from '../../src/api/evidence.ts'
import { backoff } from '../../src/connection/machine/backoff.ts'
import { announcementsBetween, attemptsOf, commandsBetween } from '../../src/connection/machine/effects.ts'
import { deadlineOf, type Input, initialState, type Policy, type State } from '../../src/connection/machine/state.ts'
import { transition } from '../../src/connection/machine/transition.ts'
import { rankingOf } from '../../src/connection/machine/transport-ranking.ts'
import { type Diagnosis, diagnose } from '../../src/diagnosis/diagnose.ts'

const names = ['websocket', 'sse', 'long-poll', 'poll']

const reports: readonly Report[] = [
  { kind: 'closed', code: 1006, reason: '', wasClean: false },
  { kind: 'closed', code: 1000, reason: '', wasClean: true },
  { kind: 'closed', code: 1008, reason: '', wasClean: true },
  { kind: 'closed', code: 4401, reason: '', wasClean: true },
  { kind: 'answered', status: 401, contentType: '' },
  { kind: 'answered', status: 404, contentType: '' },
  { kind: 'answered', status: 200, contentType: 'text/html' },
  { kind: 'answered', status: 503, contentType: '', retryAfterMs: 7000 },
  { kind: 'answered', status: 204, contentType: '' },
  { kind: 'broken', detail: 'TypeError' },
  { kind: 'ended' },
  { kind: 'blocked', detail: 'SecurityError', how: 'thrown' },
  { kind: 'unsupported', detail: 'WebSocket' },
  { kind: 'crowded' },
  { kind: 'unprepared', detail: 'no', isMistake: false },
]

/** A client's pure state machine under random inputs, whose invariants are checked after every step. */
export class RandomConnection {
  readonly #random: () => number
  readonly #policy: Policy
  readonly #live = new Set<number>()
  /** Transports dialled in this round: a round must not dial one twice. */
  #dialled: number[] = []
  #isOpen = false
  now = 1_000_000
  heardAt = 0
  state: State
  steps = 0

  constructor(random: () => number) {
    this.#random = random
    const ranks = names.slice(0, 1 + this.#index(names.length)).map((name) => ({
      isProvenByHearing: name === 'sse' || name === 'long-poll',
      isPolling: name === 'long-poll' || name === 'poll',
      canPing: name === 'websocket' && this.#chance(0.5),
      isProvenByReply: name === 'websocket' && this.#chance(0.3),
      resumes: name !== 'websocket' || this.#chance(0.3),
      origin: () => (name === 'poll' ? 'https://other.example' : 'https://api.example'),
    }))
    if (this.#chance(0.1)) this.#maxAttempts = 5
    const heartbeat = this.#chance(0.5) ? { intervalMs: 25_000, timeoutMs: 10_000 } : null
    this.#policy = {
      ranked: ranks,
      connectTimeoutMs: 10_000,
      provingMs: 5000,
      raceAfterMs: this.#chance(0.3) ? 300 : null,
      heartbeat: () => heartbeat,
      graceMs: () => this.#graceMs,
      prepares: this.#chance(0.3),
      retry: backoff({ minDelayMs: 1000, maxDelayMs: 30_000, factor: 2, maxAttempts: this.#maxAttempts }, random),
      random,
      diagnose: (report, { rank }, phase, elapsedMs) => this.#diagnose(report, names[rank] ?? '', phase, elapsedMs),
    }
    this.state = initialState(rankingOf(ranks.length, null), true, false, null, this.now)
  }

  /** Applies one random input; throws if an invariant is broken. */
  step(): void {
    this.apply(this.#input())
  }

  apply(input: Input): void {
    const before = this.state
    const after = transition(before, input, this.now, this.#policy)
    this.steps += 1
    this.state = after
    if (input.type === 'connect' || input.type === 'page' || after.isRefreshed !== before.isRefreshed) this.#dialled = []
    if (after.status !== 'connecting' || before.status !== 'connecting') this.#dialled = []
    // After a sleep of the computer the round starts over.
    if (input.type === 'deadline' && this.now - this.#lastDeadline > 30_000) this.#dialled = []
    this.#checkCommands(before, after, input)
    this.#checkAnnouncements(before, after)
    this.#checkState(after)
    this.#checkEnd(before, after, input)
    if (input.type === 'refined') this.#checkRefined(before, after, input.diagnosis)
    if (input.type === 'deadline') this.#checkProgress(input)
    if ('id' in input && !this.#live.has(input.id) && !attemptsOf(before).some(({ id }) => id === input.id)) {
      must(after === before || before.newFailures.length > 0, 'a stale attempt changed the state')
    }
  }

  #checkCommands(before: State, after: State, input: Input): void {
    for (const command of commandsBetween(before, after)) {
      if (command.do === 'dial') {
        must(!this.#live.has(command.id), 'an attempt was dialled twice')
        this.#live.add(command.id)
        const isNewRound = input.type === 'deadline' && this.now - this.#lastDeadline > 30_000
        if (after.status === 'connecting' && !isNewRound)
          must(!this.#dialled.includes(command.rank), 'a round dialled a transport twice')
        if (after.status === 'connecting') this.#dialled.push(command.rank)
      } else if (command.do === 'hang-up') must(this.#live.delete(command.id), 'hung up what was not dialled')
      else must(this.#live.has(command.id), `${command.do} to an attempt that is not alive`)
    }
    const living = attemptsOf(after).map(({ id }) => id)
    must(
      living.length === this.#live.size && living.every((id) => this.#live.has(id)),
      'the state and the living attempts differ',
    )
  }

  #checkAnnouncements(before: State, after: State): void {
    for (const announcement of announcementsBetween(before, after, names, this.now)) {
      if (announcement.type === 'open') {
        must(!this.#isOpen, 'opened twice')
        this.#isOpen = true
      }
      if (announcement.type === 'close') {
        must(this.#isOpen || announcement.details.final, 'closed what was not open')
        must(announcement.details.final === (after.status === 'closed'), 'final must mean closed')
        this.#isOpen = false
      }
      if (announcement.type === 'transport') must(this.#isOpen, 'moved while not open')
    }
    must(this.#isOpen === (after.status === 'open'), 'open and close do not tell the truth')
  }

  /** A refined diagnosis stops a client that is connecting or waiting, or changes nothing. */
  #checkRefined(before: State, after: State, { verdict, hint }: Diagnosis): void {
    const isTrying = before.status === 'waiting' || before.status === 'offline' || before.status === 'connecting'
    if (!isTrying || verdict !== 'stop') {
      must(isSame(before, after), 'what is not tried was touched')
      return
    }
    const mayAsk = hint === 'credentials' && this.#policy.prepares && !before.isRefreshed
    must(after.status === (mayAsk ? 'connecting' : 'closed'), 'a stop did not stop')
    must(after.isRefreshed === (mayAsk || before.isRefreshed), 'fresh credentials were asked for twice')
  }

  #checkState(state: State): void {
    if (state.status === 'connecting') {
      const ranks = [...state.dials.map(({ rank }) => rank), ...state.queue]
      must(state.dials.length > 0, 'connecting without a dial')
      must(new Set(ranks).size === ranks.length, 'a transport twice in one round')
    }
    if (state.status === 'open') {
      const { link } = state
      must(
        !link.hasHeard || state.challengers.every(({ rank }) => rank <= link.rank),
        'a worse challenger beside a link that is heard',
      )
      must(state.challengers.length <= names.length, 'too many challengers')
    }
    if (state.status === 'waiting' || state.status === 'offline')
      must(state.retryAt >= state.notBefore, 'Retry-After was not kept')
    must(state.ranking.records.length === this.#policy.ranked.length, 'the ranking changed its length')
    must(state.lastId - this.#live.size >= 0, 'ids ran backwards')
  }

  /** Only the application, its retry schedule, or a verdict that says so ends a client. */
  #checkEnd(before: State, after: State, input: Input): void {
    if (after.status !== 'closed' || before.status === 'closed' || input.type === 'close') return
    const isGivenUp = this.#maxAttempts < Infinity && after.failures > this.#maxAttempts
    must(after.diagnosis?.verdict === 'stop' || isGivenUp, 'a client ended that nobody stopped')
  }

  /** A deadline that is always due again at once would be a busy loop. */
  #checkProgress(input: Input): void {
    for (let turn = 0; deadlineOf(this.state, this.#policy) <= this.now; turn += 1) {
      must(turn < 12, 'a deadline is due again and again')
      const before = this.state
      this.state = transition(before, input, this.now, this.#policy)
      if (before.status !== 'connecting' || this.state.status !== 'connecting') this.#dialled = []
      this.#checkCommands(before, this.state, input)
      this.#checkAnnouncements(before, this.state)
      this.#checkState(this.state)
    }
  }

  #maxAttempts = Infinity
  #lastDeadline = 0
  #graceMs = 0

  #input(): Input {
    const { state } = this
    const attempts = attemptsOf(state)
    const dice = this.#random()
    if (state.status === 'idle' || (state.status === 'closed' && dice < 0.5)) return { type: 'connect' }
    if (this.#chance(0.05)) this.#graceMs = this.#chance(0.5) ? 7000 : 0
    if (dice < 0.002) return { type: 'close', code: 1000, reason: '' }
    if (dice < 0.004) return { type: 'connect' }
    if (dice < 0.01) return { type: 'ack-overdue' }
    // A refined diagnosis may come at any time, with any cause.
    if (dice < 0.02) return { type: 'refined', diagnosis: this.#failure(this.#index(this.#policy.ranked.length)) }
    if (dice < 0.05) return this.#signal()
    const attempt = attempts[this.#index(attempts.length)]
    if (!attempt || dice < 0.45) return this.#deadline()
    const id = this.#chance(0.03) ? Math.max(0, attempt.id - 1 - this.#index(3)) : attempt.id
    if (dice < 0.65)
      return {
        type: 'opened',
        id,
        hasCursor: this.#chance(0.5),
        roundTripMs: this.#chance(0.5) ? this.#random() * 900 : undefined,
      }
    if (dice < 0.8) return { type: 'failed', id, diagnosis: this.#failure(attempt.rank) }
    if (dice < 0.85) return { type: 'prepared', id }
    if (dice < 0.95) return { type: 'heard', id, hasCursor: this.#chance(0.5) }
    return { type: 'message', id, isIncoming: this.#chance(0.7) }
  }

  #deadline(): Input {
    const due = deadlineOf(this.state, this.#policy)
    this.#lastDeadline = Number.isFinite(due) ? due : this.now
    const dice = this.#random()
    if (dice < 0.03) this.now += 600_000 * this.#random()
    else if (dice < 0.7 && Number.isFinite(due)) this.now = Math.max(this.now, due)
    else this.now += 3000 * this.#random()
    if (this.#chance(0.6)) this.heardAt = this.now
    return { type: 'deadline', heardAt: this.heardAt, hasCursor: this.#chance(0.5) }
  }

  #signal(): Input {
    const types = ['online', 'offline', 'visible', 'hidden', 'pagehide', 'freeze', 'resume', 'pageshow'] as const
    const type = types[this.#index(types.length)] ?? 'online'
    return { type: 'page', signal: type === 'pageshow' ? { type, persisted: this.#chance(0.5) } : { type } }
  }

  #failure(rank: number): Diagnosis {
    const report = reports[this.#index(reports.length)] ?? { kind: 'ended' }
    return this.#diagnose(report, names[rank] ?? '', this.state.status === 'open' ? 'open' : 'connect', 10)
  }

  #diagnose(report: Report, transport: string, phase: 'connect' | 'open', elapsedMs: number): Diagnosis {
    return diagnose({ ...report, transport, phase, elapsedMs, isOnline: true })
  }

  #index(length: number): number {
    return Math.floor(this.#random() * length)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
}

/** Whether two states are equal, except for `newFailures`, which belong to one transition only. */
function isSame(before: State, after: State): boolean {
  return JSON.stringify({ ...before, newFailures: [] }) === JSON.stringify({ ...after, newFailures: [] })
}

function must(condition: boolean, broken: string): void {
  if (!condition) throw new Error(broken)
}
