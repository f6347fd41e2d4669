import type { Evidence } from '../api/evidence.ts'
import { isPage } from '../util/http-fields.ts'
import { certain, likely, type Opinion } from './opinion.ts'

/** Statuses that proxies and firewalls send as often as servers do. */
const intermediaryStatuses = [403, 407, 451, 502, 503, 504, 511]
/** The causes in which something on the path answers in place of the server. */
export const intermediaries = ['path.intermediary', 'path.captive'] as const

/**
 * Diagnoses an unexpected HTTP response. Its status does not tell who sent it: proxies, firewalls, captive portals and service
 * workers answer with HTML. In a session the server marks its responses, so an unmarked one is not from it.
 */
export function ofAnswer(evidence: Extract<Evidence, { kind: 'answered' }>): Opinion {
  const { status, contentType, start = '', isRedirect, isRedirected, hasServed, hasOpened, isSession, isSameOrigin } = evidence
  const isHtml = isPage(contentType)
  const isSuccess = status !== 204 && status < 300
  if (!isSession && isOfSession(start)) return likely('protocol-mismatch', `http.${status}`)
  if (isRedirect) return certain('http.redirect')
  if (isRedirected) return likely('http.redirect', ...intermediaries, nameOf(status))
  // A cross-origin page can read it only with CORS headers, which no proxy or portal sends.
  if (isHtml && isSession && isSameOrigin) return likely('path.intermediary', 'path.captive', nameOf(status))
  if (isSuccess) {
    if (isHtml && (hasServed || hasOpened)) return likely('path.captive', 'path.intermediary', 'http.not_realtime')
    return isHtml || isSession ? likely('http.not_realtime', 'path.captive', 'path.intermediary') : certain('http.not_realtime')
  }
  const mayBeIntermediary = isHtml || isSession || intermediaryStatuses.includes(status) || status >= 520
  if (!mayBeIntermediary) return certain(`http.${status}`)
  return isHtml && isSession
    ? likely('path.intermediary', `http.${status}`, 'path.captive')
    : likely(`http.${status}`, ...intermediaries)
}

/** Whether the start of a body comes from a `steadfast/server`. */
function isOfSession(start: string): boolean {
  return /steadfast/.test(start)
}

/** Returns the cause for the status of an unexpected response. */
export function nameOf(status: number): string {
  return status < 300 && status !== 204 ? 'http.not_realtime' : `http.${status}`
}
