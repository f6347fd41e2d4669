import type { Diagnosis } from './diagnosis/diagnose.ts'

const kept = 100

/** One attempt as a report tells it: nothing in it is secret. */
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
}

/** The last attempts, for a person who has to find out what went wrong. */
export class AttemptLog {
  #attempts: readonly AttemptReport[] = []

  get attempts(): readonly AttemptReport[] {
    return this.#attempts
  }

  dialled(id: number, transport: string, { origin, pathname }: URL, dialledAt: number): void {
    this.#attempts = [...this.#attempts, { id, transport, url: origin + pathname, dialledAt }].slice(-kept)
  }

  opened(id: number, openedAt: number): void {
    this.#amend(id, { openedAt })
  }

  failed(id: number, { cause, certainty }: Diagnosis, endedAt: number): void {
    this.#amend(id, { endedAt, cause, certainty })
  }

  #amend(id: number, more: Partial<AttemptReport>): void {
    this.#attempts = this.#attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...more } : attempt))
  }
}
