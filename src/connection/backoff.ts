import type { Diagnosis } from '../diagnosis/diagnose.ts'

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

/**
 * Exponential backoff with jitter from the first wait on. All of the first window is used, because a server that dropped a
 * thousand clients at once should get them back as a stream; of later windows only the upper half, so that the rate keeps
 * falling. In the first minute of an outage people still watch the page, so the window stays small.
 */
export function backoff(
  { minDelayMs, maxDelayMs, factor, maxAttempts }: Backoff,
  random: () => number,
  firstDelayMs = () => Math.min(minDelayMs, maxDelayMs),
): RetryPolicy {
  return ({ attempt, outageMs }) => {
    if (attempt > maxAttempts) return null
    const firstMs = firstDelayMs()
    if (attempt === 1) return random() * firstMs
    const cap = outageMs < patienceMs ? Math.min(impatientMaxDelayMs, maxDelayMs) : maxDelayMs
    // Who is asked to come back as a stream must not become a wave with the second try.
    const window = Math.max(minDelayMs, firstMs) * factor ** (attempt - 1)
    return Math.min(window, firstMs > minDelayMs ? Math.max(cap, firstMs) : cap) * (0.5 + random() / 2)
  }
}
