import type { Evidence } from '../api/evidence.ts'
import type { Diagnosis, OwnCauses } from './diagnose.ts'
import { judged } from './verdicts.ts'

/** The causes that follow from the kind of evidence alone. */
const causes: Readonly<Record<Exclude<Evidence['kind'], 'answered' | 'closed' | 'broken'>, string>> = {
  ended: 'stream.ended',
  oversized: 'stream.oversized',
  blocked: 'policy.blocked',
  timeout: 'net.timeout',
  silent: 'conn.silent',
  mismatch: 'protocol-mismatch',
  unsupported: 'client.unsupported',
  crowded: 'client.pool_exhausted',
  unprepared: 'client.unprepared',
  stopped: 'client.stopped',
  overflow: 'client.outbox_full',
  expired: 'client.expired',
  'too-large': 'client.too_large',
  forgotten: 'session.lost',
  divided: 'server.two_stores',
  unreadable: 'client.unreadable',
  unread: 'client.unread',
  hidden: 'page.hidden',
  reconnect: 'client.reconnect',
  restored: 'conn.restored',
}

/**
 * Diagnoses a failure for a client without `steadfast/diagnosis`: with the same verdict, the coarsest cause that is true, and a
 * message that consists of the cause and the detail in the evidence.
 */
export function basicDiagnosis(evidence: Evidence, own: OwnCauses = {}): Diagnosis {
  const cause = causeOf(evidence)
  const mine = own[cause] ?? own[Number(cause.split('.')[1])]
  const { verdict, hint } = mine?.verdict ? { verdict: mine.verdict } : judged(cause, evidence)
  const detail = 'detail' in evidence ? evidence.detail : 'reason' in evidence ? evidence.reason : ''
  return {
    cause,
    certainty: evidence.kind === 'answered' || cause.startsWith('close.') || cause.startsWith('client.') ? 'certain' : 'possible',
    verdict,
    message: mine?.message ?? (detail ? `${cause}: ${detail}` : cause),
    evidence,
    ...(hint && { hint }),
    ...(mine?.remedy && { remedy: mine.remedy }),
  }
}

function causeOf(evidence: Evidence): string {
  switch (evidence.kind) {
    case 'answered': {
      const { status, isRedirect } = evidence
      if (isRedirect) return 'http.redirect'
      return status < 300 && status !== 204 ? 'http.not_realtime' : `http.${status}`
    }
    case 'closed': {
      // A failed handshake is 1006, or 1015 in Firefox; the server of a session, or of SockJS, sends its refusals after it.
      const isLost = evidence.code === 1006 || evidence.code === 1015
      if (evidence.phase !== 'open' && (isLost || !(evidence.isSession || evidence.hasHeard))) return 'net.unreachable'
      return isLost ? 'conn.lost' : `close.${evidence.code}`
    }
    case 'broken':
      return evidence.isBody ? 'stream.broken' : 'net.unreachable'
    default:
      return causes[evidence.kind]
  }
}
