import type { Diagnosis } from '../../diagnosis/diagnose.ts'

/** What a retry policy decides by. */
export interface RetryContext {
  /** The number of the coming retry in this outage, from 1. */
  readonly attempt: number
  /** How long the outage has lasted, in milliseconds. */
  readonly outageMs: number
  /** Why the last attempt failed. */
  readonly diagnosis: Diagnosis
}

/** How long to wait before an attempt, in milliseconds; `null` gives up. */
export type RetryPolicy = (context: RetryContext) => number | null

export interface Backoff {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly factor: number
  readonly maxAttempts: number
}

const patienceMs = 60_000
const impatientMaxDelayMs = 5000

/** However many clients a server has, a first retry waits no longer: most often it is this one client that lost its connection. */
const mostFirstMs = 1800

/**
 * Exponential backoff with jitter from the first wait on. All of the first window is used, because a server that dropped a
 * thousand clients at once should get them back as a stream; of later windows only the upper half, so that the rate keeps
 * falling. In the first minute of an outage people still watch the page, so the window stays small, unless the server wants its
 * clients to come back over a longer time (`spreadMs`): then it grows to that, since each failed retry makes it more likely that all
 * of them were lost.
 */
export function backoff(
  { minDelayMs, maxDelayMs, factor, maxAttempts }: Backoff,
  random: () => number,
  spreadMs: () => number | null = () => null,
): RetryPolicy {
  return ({ attempt, outageMs }) => {
    if (attempt > maxAttempts) return null
    const spread = spreadMs()
    const firstMs = Math.min(spread === null ? minDelayMs : Math.min(spread, mostFirstMs), maxDelayMs)
    if (attempt === 1) return random() * firstMs
    const patientMs = outageMs < patienceMs ? Math.max(impatientMaxDelayMs, spread ?? 0) : Infinity
    const window = Math.max(minDelayMs, firstMs, 1) * factor ** (attempt - 1)
    return Math.min(window, patientMs, maxDelayMs) * (0.5 + random() / 2)
  }
}
