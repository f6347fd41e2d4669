import type { Evidence } from '../api/evidence.ts'
import { isPage } from '../util/http-fields.ts'
import { certain, likely, type Opinion } from './opinion.ts'

/** Statuses that proxies and firewalls say as often as servers do. */
const boxStatuses = [403, 407, 451, 502, 503, 504, 511]
/** Who else answers in place of a server. */
export const boxes = ['path.intermediary', 'path.captive'] as const

/**
 * An HTTP answer tells its status and not who gave it: HTML is what proxies, firewalls, portals and service workers answer with.
 * In a session it is never the server's own, which marks what it says.
 */
export function ofAnswer(evidence: Extract<Evidence, { kind: 'answered' }>): Opinion {
  const { status, contentType, start = '', isRedirect, isRedirected, hasServed, hasOpened, isSession, isSameOrigin } = evidence
  const isHtml = isPage(contentType)
  const isSuccess = status !== 204 && status < 300
  if (!isSession && isOfSession(start)) return likely('protocol-mismatch', `http.${status}`)
  if (isRedirect) return certain('http.redirect')
  if (isRedirected) return likely('http.redirect', ...boxes, nameOf(status))
  // Across origins the page may read it for its CORS headers, which no box gives.
  if (isHtml && isSession && isSameOrigin) return likely('path.intermediary', 'path.captive', nameOf(status))
  if (isSuccess) {
    if (isHtml && (hasServed || hasOpened)) return likely('path.captive', 'path.intermediary', 'http.not_realtime')
    return isHtml || isSession ? likely('http.not_realtime', 'path.captive', 'path.intermediary') : certain('http.not_realtime')
  }
  const isAnybodys = isHtml || isSession || boxStatuses.includes(status) || status >= 520
  if (!isAnybodys) return certain(`http.${status}`)
  return isHtml && isSession ? likely('path.intermediary', `http.${status}`, 'path.captive') : likely(`http.${status}`, ...boxes)
}

/** Whether these are the words of a `steadfast/server`. */
function isOfSession(start: string): boolean {
  return /steadfast/.test(start)
}

/** What an answer is called that is not what was asked for. */
export function nameOf(status: number): string {
  return status < 300 && status !== 204 ? 'http.not_realtime' : `http.${status}`
}
