import type { SessionRecord } from '../store/ports.ts'
import type { Principal } from './session-handle.ts'

/** A client is asked so long before its credentials expire, or for a quarter of their life where that is shorter. */
export const mostLeadMs = 10_000
const mostPollLeadMs = 60_000
/** No client has less time to answer, however late it was asked. */
const leastAnswerMs = 1000

/** Until when what `authenticate` said holds, in wall-clock milliseconds; `Infinity` where nothing limits it. */
export function authenticatedUntil(record: SessionRecord, reauthenticateMs = Infinity): number {
  const { authenticatedAt } = record
  return Math.min(expiryOf(record.principal as Principal), (authenticatedAt ?? 0) + reauthenticateMs)
}

/** When the principal's credentials expire, as `authenticate` said. */
export function expiryOf({ expiresAt }: Principal): number {
  return typeof expiresAt === 'number' ? expiresAt : Infinity
}

/** Whether a client that polls is asked with this answer, since there may be few more before its credentials expire. */
export function isNearExpiry({ principal, authenticatedAt }: SessionRecord, now: number): boolean {
  const expiresAt = expiryOf(principal as Principal)
  return expiresAt - now < Math.min(mostPollLeadMs, (expiresAt - (authenticatedAt ?? now)) / 2)
}

/** When the client of an open connection is asked for fresh credentials, and when it has had its time to answer. */
export class CredentialCheck {
  #until = 0
  #since = 0
  #askedAt: number | null = null
  #isAnswered = false

  /** Whether an answer is awaited: what was not asked for is not looked at, and neither is a second answer. */
  get isAwaiting(): boolean {
    return this.#askedAt !== null && !this.#isAnswered
  }

  /** The client has answered, and the application is asked. */
  answered(): void {
    this.#isAnswered = true
  }

  /** Time has passed: what is to be done. */
  tick(until: number, now: number): 'ask' | 'end' | 'nothing' {
    if (until !== this.#until) {
      this.#until = until
      this.#since = now
      this.#askedAt = null
      this.#isAnswered = false
    }
    const leadMs = Math.min(mostLeadMs, Math.max(0, until - this.#since) / 4)
    if (now < until - leadMs) return 'nothing'
    if (this.#askedAt !== null) return now >= Math.max(until, this.#askedAt + leastAnswerMs) ? 'end' : 'nothing'
    this.#askedAt = now
    return 'ask'
  }
}
