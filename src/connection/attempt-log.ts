import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { type SafeEvidence, safeEvidence, safeUrl } from '../diagnosis/safe-evidence.ts'

const kept = 100

/** One attempt in `client.report()`. It contains nothing secret. docs/DIAGNOSES.md explains how to read it. */
export interface AttemptReport {
  readonly id: number
  readonly transport: string
  /** Origin and path, without the query, which may contain a token. */
  readonly url: string
  /** ISO 8601, UTC. */
  readonly dialledAt: string
  readonly openedAt?: string
  readonly endedAt?: string
  /** The client ended the attempt while it was open or dialling: another transport took its place, or the client was closed. */
  readonly isGivenUp?: true
  /** Nothing was received over it for longer than the heartbeat allows. */
  readonly isSilent?: true
  readonly cause?: string
  readonly certainty?: Diagnosis['certainty']
  readonly candidates?: readonly string[]
  readonly verdict?: Diagnosis['verdict']
  readonly evidence?: SafeEvidence
}

/** The last 100 attempts, for debugging. The members of each are in chronological order. */
export class AttemptLog {
  readonly #wallTime: (at: number) => number
  #attempts: readonly AttemptReport[] = []

  /** `wallTime` converts an instant of the client's clock to the device's clock. */
  constructor(wallTime: (at: number) => number) {
    this.#wallTime = wallTime
  }

  get attempts(): readonly AttemptReport[] {
    return this.#attempts
  }

  dialled(id: number, transport: string, url: URL, dialledAt: number): void {
    this.#attempts = [...this.#attempts, { id, transport, url: safeUrl(url), dialledAt: this.#iso(dialledAt) }].slice(-kept)
  }

  opened(id: number, openedAt: number): void {
    this.#amend(id, { openedAt: this.#iso(openedAt) })
  }

  failed(id: number, diagnosis: Diagnosis, endedAt: number): void {
    this.#amend(id, { endedAt: this.#iso(endedAt), ...fieldsOf(diagnosis) })
  }

  /** The attempt was given up, or another took its place; `isSilent`: because nothing was received over it. */
  ended(id: number, endedAt: number, isSilent?: true): void {
    if (this.#attempts.some((attempt) => attempt.id === id && attempt.endedAt === undefined))
      this.#amend(id, { endedAt: this.#iso(endedAt), isGivenUp: true, ...(isSilent && { isSilent }) })
  }

  /** A follow-up question refined the diagnosis. */
  refined(id: number, diagnosis: Diagnosis): void {
    this.#attempts = this.#attempts.map((attempt) => {
      // Removed first, so that the members have the same order as after `failed`, and old candidates are dropped.
      const { cause, certainty, candidates, verdict, evidence, ...rest } = attempt
      return attempt.id === id ? { ...rest, ...fieldsOf(diagnosis) } : attempt
    })
  }

  #iso(at: number): string {
    return new Date(this.#wallTime(at)).toJSON()
  }

  #amend(id: number, more: Partial<AttemptReport>): void {
    this.#attempts = this.#attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...more } : attempt))
  }
}

function fieldsOf({ cause, certainty, candidates, verdict, evidence }: Diagnosis): Partial<AttemptReport> {
  return { cause, certainty, ...(candidates && { candidates }), verdict, evidence: safeEvidence(evidence) }
}
