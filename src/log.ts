import type { Diagnosis } from './diagnosis/diagnose.ts'
import { type SafeEvidence, safeEvidence, safeUrl } from './diagnosis/safe-evidence.ts'

const kept = 100

/** One attempt as a report tells it: nothing in it is secret. docs/DIAGNOSES.md explains how to read it. */
export interface AttemptReport {
  readonly id: number
  readonly transport: string
  /** Origin and path; the query may hold a token. */
  readonly url: string
  readonly dialledAt: number
  readonly openedAt?: number
  readonly endedAt?: number
  readonly cause?: string
  readonly certainty?: Diagnosis['certainty']
  readonly candidates?: readonly string[]
  readonly verdict?: Diagnosis['verdict']
  readonly evidence?: SafeEvidence
}

/** The last attempts, for a person who has to find out what went wrong. */
export class AttemptLog {
  #attempts: readonly AttemptReport[] = []

  get attempts(): readonly AttemptReport[] {
    return this.#attempts
  }

  dialled(id: number, transport: string, url: URL, dialledAt: number): void {
    this.#attempts = [...this.#attempts, { id, transport, url: safeUrl(url), dialledAt }].slice(-kept)
  }

  opened(id: number, openedAt: number): void {
    this.#amend(id, { openedAt })
  }

  failed(id: number, diagnosis: Diagnosis, endedAt: number): void {
    this.#amend(id, { endedAt, ...told(diagnosis) })
  }

  /** It was given up, or another took its place. */
  ended(id: number, endedAt: number): void {
    if (this.#attempts.some((attempt) => attempt.id === id && attempt.endedAt === undefined)) this.#amend(id, { endedAt })
  }

  /** More is known of why it ended. */
  refined(id: number, diagnosis: Diagnosis): void {
    this.#attempts = this.#attempts.map((attempt) => {
      const { candidates: _, ...rest } = attempt
      return attempt.id === id ? { ...rest, ...told(diagnosis) } : attempt
    })
  }

  #amend(id: number, more: Partial<AttemptReport>): void {
    this.#attempts = this.#attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...more } : attempt))
  }
}

function told({ cause, certainty, candidates, verdict, evidence }: Diagnosis): Partial<AttemptReport> {
  return { cause, certainty, ...(candidates && { candidates }), verdict, evidence: safeEvidence(evidence) }
}
