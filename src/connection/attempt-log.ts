import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { type SafeEvidence, safeEvidence, safeUrl } from '../diagnosis/safe-evidence.ts'

const kept = 100

/** One attempt as a report tells it: nothing in it is secret. docs/DIAGNOSES.md explains how to read it. */
export interface AttemptReport {
  readonly id: number
  readonly transport: string
  /** Origin and path; the query may hold a token. */
  readonly url: string
  /** ISO 8601, UTC. */
  readonly dialledAt: string
  readonly openedAt?: string
  readonly endedAt?: string
  /** It was given up while it worked or was dialled, because another transport took its place or the client was closed. */
  readonly isGivenUp?: true
  /** Nothing had come over it for longer than silence is tolerated. */
  readonly isSilent?: true
  readonly cause?: string
  readonly certainty?: Diagnosis['certainty']
  readonly candidates?: readonly string[]
  readonly verdict?: Diagnosis['verdict']
  readonly evidence?: SafeEvidence
}

/** The last attempts, for a person who has to find out what went wrong. Their members stand in the order in which things happen. */
export class AttemptLog {
  readonly #wallTime: (at: number) => number
  #attempts: readonly AttemptReport[] = []

  /** `wallTime` turns an instant of the client's steady clock into what the platform's clock says. */
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
    this.#amend(id, { endedAt: this.#iso(endedAt), ...told(diagnosis) })
  }

  /** It was given up, or another took its place; `isSilent`: because nothing came over it. */
  ended(id: number, endedAt: number, isSilent?: true): void {
    if (this.#attempts.some((attempt) => attempt.id === id && attempt.endedAt === undefined))
      this.#amend(id, { endedAt: this.#iso(endedAt), isGivenUp: true, ...(isSilent && { isSilent }) })
  }

  /** More is known of why it ended. */
  refined(id: number, diagnosis: Diagnosis): void {
    this.#attempts = this.#attempts.map((attempt) => {
      // Taken out first, so that the order is the same as after `failed`, and no candidates remain.
      const { cause, certainty, candidates, verdict, evidence, ...rest } = attempt
      return attempt.id === id ? { ...rest, ...told(diagnosis) } : attempt
    })
  }

  #iso(at: number): string {
    return new Date(this.#wallTime(at)).toJSON()
  }

  #amend(id: number, more: Partial<AttemptReport>): void {
    this.#attempts = this.#attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...more } : attempt))
  }
}

function told({ cause, certainty, candidates, verdict, evidence }: Diagnosis): Partial<AttemptReport> {
  return { cause, certainty, ...(candidates && { candidates }), verdict, evidence: safeEvidence(evidence) }
}
