import type { SessionRecord } from '../store/ports.ts'
import type { Principal } from './session-handle.ts'

/** How long before its credentials expire a client is asked for new ones, in ms; a quarter of their lifetime if that is less. */
export const maxLeadMs = 10_000
const maxPollLeadMs = 60_000
/** Expiries that differ by less are the same, in milliseconds. */
const sameMs = 100
/** The shortest time that a client has to answer, in milliseconds, however late it was asked. */
const minAnswerMs = 1000

/**
 * When the last result of `authenticate` expires, by the store's clock; `Infinity` if it does not. A jump of the wall clock moves
 * `expiresAt`, which is a time of day, but not the interval.
 * @param aheadMs how far the store's clock is ahead of the wall clock
 */
export function authenticatedUntil(record: SessionRecord, aheadMs: number, reauthenticateMs = Infinity): number {
  const { authenticatedAt } = record
  return Math.min(expiryOf(record.principal as Principal) + aheadMs, (authenticatedAt ?? 0) + reauthenticateMs)
}

/** When the principal's credentials expire, according to `authenticate`. */
export function expiryOf({ expiresAt }: Principal): number {
  return typeof expiresAt === 'number' ? expiresAt : Infinity
}

/** Whether this answer to a poll asks the client for credentials, since few more may follow before they expire. */
export function isNearExpiry({ principal, authenticatedAt }: SessionRecord, now: number): boolean {
  const expiresAt = expiryOf(principal as Principal)
  return expiresAt - now < Math.min(maxPollLeadMs, (expiresAt - (authenticatedAt ?? now)) / 2)
}

/** Decides when the client of an open connection is asked for fresh credentials, and when its time to answer is over. */
export class CredentialCheck {
  #until = 0
  #since = 0
  #askedAt: number | null = null
  #isAnswered = false

  /** Whether an answer is pending: unsolicited credentials, and a second answer, are ignored. */
  get isAwaiting(): boolean {
    return this.#askedAt !== null && !this.#isAnswered
  }

  /** The client has answered; the application checks its credentials. */
  answered(): void {
    this.#isAnswered = true
  }

  /** Returns the action that is due at this time. */
  tick(until: number, now: number): 'ask' | 'end' | 'nothing' {
    // Two clocks are read one after the other, so the difference varies a little.
    if (Math.abs(until - this.#until) > sameMs) {
      this.#until = until
      this.#since = now
      this.#askedAt = null
      this.#isAnswered = false
    }
    const leadMs = Math.min(maxLeadMs, Math.max(0, until - this.#since) / 4)
    if (now < until - leadMs) return 'nothing'
    if (this.#askedAt !== null) return now >= Math.max(until, this.#askedAt + minAnswerMs) ? 'end' : 'nothing'
    this.#askedAt = now
    return 'ask'
  }
}
