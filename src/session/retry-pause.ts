import type { Report } from '../api/evidence.ts'
import { codes } from '../wire/steadfast-v1.ts'

const firstAgainMs = 100
/** So many failures in a row are the end of an attachment, and so many times that nothing came at all. */
const mostFailures = 4
const mostSilences = 2
/** The codes with which a session's server refuses a request, and not the session. */
const passing: readonly number[] = [codes.silent, codes.tooMany, codes.internal, codes.restarting]

/**
 * How long to wait before a request that failed is made once more on the same attachment; `null` where it is over. One that was refused
 * or lost says little: proxies lose some now and then, and nodes come and go behind them.
 *
 * @param failures how many have failed in a row
 */
export function retryPauseMs(report: Report, failures: number, random: number): number | null {
  const { kind, retryAfterMs = 0 } = report
  const isFinal = (kind === 'closed' && !passing.includes(report.code)) || kind === 'mismatch' || kind === 'unsupported'
  if (isFinal || failures >= (kind === 'silent' ? mostSilences : mostFailures)) return null
  // A node that restarts speaks of itself: the next request may meet another one.
  const leastMs = kind === 'closed' && report.code === codes.restarting ? 0 : retryAfterMs
  return Math.max(firstAgainMs * 2 ** (failures - 1) * (1 + random), leastMs)
}
