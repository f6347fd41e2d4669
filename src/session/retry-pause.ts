import type { Report } from '../api/evidence.ts'
import { codes } from '../wire/steadfast-v1.ts'

const firstAgainMs = 100
/** The number of failures in a row that end an attachment, and the number of timeouts. */
const maxFailures = 4
const maxSilences = 2
/** The close codes with which a server refuses a request but not the session. */
const passing: readonly number[] = [codes.silent, codes.tooMany, codes.internal, codes.restarting]

/**
 * The pause before a failed request is repeated on the same attachment, in milliseconds; `null` if the attachment is over. One
 * failure says little: proxies lose requests now and then, and nodes behind them come and go.
 *
 * @param failures the number of failures in a row
 */
export function retryPauseMs(report: Report, failures: number, random: number): number | null {
  const { kind, retryAfterMs = 0 } = report
  const isFinal = (kind === 'closed' && !passing.includes(report.code)) || kind === 'mismatch' || kind === 'unsupported'
  if (isFinal || failures >= (kind === 'silent' ? maxSilences : maxFailures)) return null
  // A restarting node speaks for itself only: the next request may reach another one.
  const minMs = kind === 'closed' && report.code === codes.restarting ? 0 : retryAfterMs
  return Math.max(firstAgainMs * 2 ** (failures - 1) * (1 + random), minMs)
}
