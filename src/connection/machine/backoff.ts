import type { Diagnosis } from '../../diagnosis/diagnose.ts'

/** The argument of a retry policy. */
export interface RetryContext {
  /** The number of the next retry in this outage, from 1. */
  readonly attempt: number
  /** How long the outage has lasted, in milliseconds. */
  readonly outageMs: number
  /** Why the last attempt failed. */
  readonly diagnosis: Diagnosis
}

/** Returns the delay before the next retry, in milliseconds; `null` gives up. */
export type RetryPolicy = (context: RetryContext) => number | null

export interface Backoff {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly factor: number
  readonly maxAttempts: number
}

const patienceMs = 60_000
const impatientMaxDelayMs = 5000

/** The longest first delay, however many clients the server has: most often only this client lost its connection. */
const maxFirstMs = 1800

/**
 * Exponential backoff with jitter from the first delay on. The first delay is drawn from the whole window, because a thousand
 * clients that a server dropped at once should return spread over time; later delays only from its upper half, so that the rate
 * keeps falling. In the first minute of an outage users still watch the page, so the window stays small, unless the server wants
 * its clients to reconnect over a longer time (`spreadMs`): then it grows to that, since each failed retry makes it more likely
 * that all clients were disconnected.
 */
export function backoff(
  { minDelayMs, maxDelayMs, factor, maxAttempts }: Backoff,
  random: () => number,
  spreadMs: () => number | null = () => null,
): RetryPolicy {
  return ({ attempt, outageMs }) => {
    if (attempt > maxAttempts) return null
    const spread = spreadMs()
    const firstMs = Math.min(spread === null ? minDelayMs : Math.min(spread, maxFirstMs), maxDelayMs)
    if (attempt === 1) return random() * firstMs
    const patientMs = outageMs < patienceMs ? Math.max(impatientMaxDelayMs, spread ?? 0) : Infinity
    const window = Math.max(minDelayMs, firstMs, 1) * factor ** (attempt - 1)
    return Math.min(window, patientMs, maxDelayMs) * (0.5 + random() / 2)
  }
}
