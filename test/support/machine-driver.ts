import type { Evidence, Finding } from '../../src/api/evidence.ts'
import type { PageSignal } from '../../src/api/host.ts'
import { backoff } from '../../src/connection/machine/backoff.ts'
import {
  type Announcement,
  announcementsBetween,
  attemptsOf,
  type Command,
  commandsBetween,
} from '../../src/connection/machine/effects.ts'
import {
  deadlineOf,
  type Input,
  initialState,
  type Policy,
  type RankedTransport,
  type State,
} from '../../src/connection/machine/state.ts'
import { transition } from '../../src/connection/machine/transition.ts'
import { rankingOf } from '../../src/connection/machine/transport-ranking.ts'
import { type Diagnosis, diagnose } from '../../src/diagnosis/diagnose.ts'
import type { Verdict } from '../../src/diagnosis/verdicts.ts'

type Name = 'websocket' | 'sse' | 'long-poll' | 'poll'
const names: readonly Name[] = ['websocket', 'sse', 'long-poll', 'poll']

const plainTraits: RankedTransport = {
  isProvenByHearing: false,
  isPolling: false,
  canPing: false,
  isProvenByReply: false,
  resumes: false,
  origin: () => 'https://api.example',
}
const traits: Record<Name, Partial<RankedTransport>> = {
  websocket: {},
  sse: { isProvenByHearing: true, resumes: true },
  'long-poll': { isProvenByHearing: true, isPolling: true, resumes: true },
  poll: { isPolling: true, resumes: true },
}

export interface DriverOptions extends Partial<Omit<Policy, 'ranked' | 'random' | 'heartbeat'>> {
  readonly heartbeat?: ReturnType<Policy['heartbeat']>
  /** @defaultValue all four */
  readonly names?: readonly Name[]
  readonly traits?: Partial<Record<Name, Partial<RankedTransport>>>
  readonly random?: number
  readonly roundTripMs?: number
  readonly remembered?: { readonly rank: number; readonly until: number }
  readonly isOnline?: boolean
  readonly isHidden?: boolean
}

/** Findings of transports, by readable names. */
export const findings = {
  refused: { kind: 'closed', code: 1006, reason: '', wasClean: false },
  /** `closed(1012)`: closed by the server with a Close frame. */
  closed: (code: number) => ({ kind: 'closed', code, reason: '', wasClean: code !== 1006 }),
  cut: { kind: 'broken', detail: 'TypeError' },
  ended: { kind: 'ended' },
  unsupported: { kind: 'unsupported', detail: 'WebSocket' },
  answered: (status: number, contentType = '') => ({ kind: 'answered', status, contentType }),
} as const satisfies Record<string, Finding | ((...parts: never[]) => Finding)>

export interface More {
  readonly retryAfterMs?: number
  readonly isOnline?: boolean
  readonly isHidden?: boolean
  /** The verdict that `judge()` would have given. */
  readonly verdict?: Verdict
}

export function diagnosisOf(finding: Finding, phase: Evidence['phase'], { verdict, ...more }: More = {}): Diagnosis {
  const diagnosis = diagnose({ ...finding, transport: 'any', phase, elapsedMs: 0, isOnline: true, ...more })
  if (!verdict) return diagnosis
  const { hint, ...rest } = diagnosis
  return { ...rest, verdict }
}

/** The pure state machine under a fake clock; its commands and events are recorded as lines `<time> <what>`. */
export class Driver {
  now = 0
  state: State
  heardAt = 0
  hasCursor = false
  readonly policy: Policy
  readonly names: readonly Name[]
  #lines: string[] = []

  constructor(options: DriverOptions = {}) {
    const { random = 0.5 } = options
    this.names = options.names ?? names
    this.policy = {
      connectTimeoutMs: 10_000,
      provingMs: 5000,
      raceAfterMs: null,
      prepares: false,
      graceMs: () => 0,
      retry: backoff({ minDelayMs: 1000, maxDelayMs: 30_000, factor: 2, maxAttempts: Infinity }, () => random),
      diagnose: (report, { rank }, phase, elapsedMs) =>
        diagnose({ ...report, transport: this.names[rank] ?? '', phase, elapsedMs, isOnline: true }),
      ...options,
      heartbeat: () => options.heartbeat ?? null,
      ranked: this.names.map((name) => ({ ...plainTraits, ...traits[name], ...options.traits?.[name] })),
      random: () => random,
    }
    const ranking = rankingOf(this.names.length, options.remembered ?? null)
    const { isOnline = true, isHidden = false, roundTripMs = null } = options
    this.state = initialState(ranking, isOnline, isHidden, roundTripMs, 0)
  }

  /** The lines recorded since the last call. */
  lines(): string[] {
    return this.#lines.splice(0)
  }

  get deadline(): number {
    return deadlineOf(this.state, this.policy)
  }

  get status(): State['status'] {
    return this.state.status
  }

  /** The transports of the current attempts. */
  get live(): readonly string[] {
    return attemptsOf(this.state).map(({ rank }) => this.names[rank] ?? '')
  }

  apply(input: Input): this {
    const before = this.state
    this.state = transition(before, input, this.now, this.policy)
    const commands = commandsBetween(before, this.state).map((command) => this.#wordsOf(command, before))
    const announcements = announcementsBetween(before, this.state, this.names, this.now).map(wordsOf)
    this.#lines.push(...[...commands, ...announcements].map((line) => `${this.now} ${line}`))
    return this
  }

  /** Lets time pass; each deadline fires at its time. */
  pass(ms: number): this {
    const until = this.now + ms
    for (let turns = 0; this.deadline <= until; turns += 1) {
      const due = Math.max(this.now, this.deadline)
      turns = due > this.now ? 0 : turns
      if (turns > 4) throw new Error(`The deadline ${due} is due again and again: ${JSON.stringify(this.state)}`)
      this.now = due
      this.#obey()
    }
    this.now = until
    return this
  }

  /** Lets time pass until the end of the current backoff. */
  wait(): this {
    return this.status === 'waiting' || this.status === 'offline' ? this.pass(Math.max(0, this.deadline - this.now)) : this
  }

  /** The computer sleeps; afterwards the due deadline fires late. */
  sleep(ms: number): this {
    this.now += ms
    if (this.deadline <= this.now) this.#obey()
    return this
  }

  connect(): this {
    return this.apply({ type: 'connect' })
  }

  close(): this {
    return this.apply({ type: 'close', code: 1000, reason: 'bye' })
  }

  prepared(name: Name): this {
    return this.apply({ type: 'prepared', id: this.idOf(name) })
  }

  opened(name: Name, roundTripMs?: number): this {
    const id = this.idOf(name)
    if (this.state.status === 'connecting') this.heardAt = 0
    return this.apply({ type: 'opened', id, hasCursor: this.hasCursor, roundTripMs })
  }

  failed(name: Name, finding: Finding, more?: More): this {
    const phase = this.state.status === 'open' && this.state.link.id === this.idOf(name) ? 'open' : 'connect'
    return this.apply({ type: 'failed', id: this.idOf(name), diagnosis: diagnosisOf(finding, phase, more) })
  }

  /** Bytes arrived. As in the client, the machine is told at once only while it asks to be. */
  heard(): this {
    this.heardAt = this.now
    const { state } = this
    if (state.status !== 'open' || (state.link.isProven && !state.link.check)) return this
    return this.apply({ type: 'heard', id: state.link.id, hasCursor: this.hasCursor })
  }

  /** A message arrived. */
  received(): this {
    return this.heard().#carried(true)
  }

  sent(): this {
    return this.#carried(false)
  }

  signal(signal: PageSignal | Exclude<PageSignal['type'], 'pageshow'>): this {
    return this.apply({ type: 'page', signal: typeof signal === 'string' ? { type: signal } : signal })
  }

  /** The id of the newest current attempt on this transport. */
  idOf(name: Name): number {
    const attempt = attemptsOf(this.state).findLast(({ rank }) => this.names[rank] === name)
    if (!attempt) throw new Error(`Nothing lives on ${name}, only ${this.live.join(', ') || 'nothing at all'}.`)
    return attempt.id
  }

  #obey(): void {
    this.apply({ type: 'deadline', heardAt: this.heardAt, hasCursor: this.hasCursor })
  }

  #carried(isIncoming: boolean): this {
    return this.state.status === 'open' ? this.apply({ type: 'message', id: this.state.link.id, isIncoming }) : this
  }

  #wordsOf(command: Command, before: State): string {
    const { rank } = [...attemptsOf(this.state), ...attemptsOf(before)].find(({ id }) => id === command.id) ?? {}
    return `${command.do} ${rank === undefined ? 'nothing' : this.names[rank]}`
  }
}

function wordsOf(announcement: Announcement): string {
  switch (announcement.type) {
    case 'open':
      return 'open'
    case 'error': {
      const { diagnosis, retry } = announcement.details
      return `error ${diagnosis.cause}${retry ? `, again in ${retry.delayMs}` : ''}`
    }
    case 'close': {
      const { code, retry, final } = announcement.details
      return `close ${code}${retry ? `, again in ${retry.delayMs}` : ''}${final ? ', final' : ''}`
    }
    case 'transport':
      return `transport ${announcement.details.from} to ${announcement.details.to}`
    case 'state': {
      const { state } = announcement.details
      return `state ${state.status}${state.status === 'open' && state.proven ? ', proven' : ''}`
    }
    default:
      return announcement satisfies never
  }
}
