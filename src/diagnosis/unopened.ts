import type { Evidence, FollowUp, Ledger } from '../api/evidence.ts'
import { isPage } from '../util/http-fields.ts'
import { intermediaries, nameOf } from './answer.ts'
import { spaceOf } from './local-network.ts'
import { certain, likely, likelyOneOf, type Opinion, possible, possiblyOneOf } from './opinion.ts'

/** Ports that no browser connects to (WHATWG Fetch, "Port blocking"). */
const blockedPorts = [
  [1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113],
  [115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556],
  [563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667],
  [6668, 6669, 6679, 6697, 10080],
].flat()

/** A shorter round trip cannot be told from the browser's own delays, in milliseconds. */
const minRoundTripMs = 20

const behindTheName = ['net.dns', 'net.refused', 'net.reset'] as const
const behindTls = ['tls.certificate', 'tls.handshake'] as const
/** Causes that cannot be told apart if the server sends no CORS headers. */
const hiddenStatuses = [
  'http.401',
  'http.403',
  'http.404',
  'http.400',
  'http.429',
  'http.500',
  'http.503',
  'http.redirect',
] as const
const behindAnything = ['policy.client_blocked', 'path.proxy_refused', 'path.intermediary', 'path.captive'] as const

/**
 * Diagnoses a connection that did not open. Browsers reveal almost nothing, so the cause is inferred from the URL and from the
 * follow-up questions.
 */
export function unopened(evidence: Evidence): Opinion {
  return forbidden(evidence) ?? (evidence.followUp ? followedUp(evidence, evidence.followUp) : atFirst(evidence))
}

/** Diagnoses connections that the browser itself blocks. */
function forbidden(evidence: Evidence): Opinion | undefined {
  if (evidence.violation) return certain('policy.csp')
  if (!evidence.url) return undefined
  const { protocol, port, hostname } = new URL(evidence.url)
  if (blockedPorts.includes(Number(port))) return certain('policy.blocked_port')
  const isMixed = evidence.isSecurePage && protocol === 'http:' && spaceOf(hostname) !== 'loopback'
  if (!isMixed) return undefined
  return evidence.kind === 'blocked' ? certain('policy.mixed_content') : likely('policy.mixed_content')
}

function atFirst(evidence: Evidence): Opinion {
  if (evidence.kind === 'blocked') return ofBlocked(evidence)
  // Firefox reports 1015 for all TLS failures and for nothing else.
  if (evidence.kind === 'closed' && evidence.code === 1015) return likelyOneOf('tls.failed', ...behindTls)
  if (evidence.kind !== 'timeout') return possible('net.unreachable')
  return evidence.transport === 'websocket' ? likely('net.timeout', 'ws.upgrade_hang') : likely('net.timeout')
}

function ofBlocked({ detail, how, engine }: Extract<Evidence, { kind: 'blocked' }>): Opinion {
  if (/CONTENT_BLOCKED/.test(detail) || (how === 'mute' && engine === 'chromium')) return likely('policy.csp')
  if (how === 'mute') return likely('policy.client_blocked')
  return possiblyOneOf('policy.blocked', 'policy.csp', 'policy.mixed_content', 'policy.client_blocked')
}

function followedUp(evidence: Evidence, followUp: FollowUp): Opinion {
  const { kind, elapsedMs, isOnline } = evidence
  const { readable, opaque, isRedirect, page } = followUp
  if (kind === 'blocked' || (kind === 'closed' && evidence.code === 1015)) return atFirst(evidence)
  if (isRedirect) {
    // A captive portal may redirect to a host that cannot be reached from this page.
    if (opaque === 'failed' && page !== 'failed') return likely('path.captive', 'http.redirect', 'path.intermediary')
    return likely('http.redirect', 'path.captive', 'path.intermediary')
  }
  if (readable === 'answered') return ofHttpThatWorks(evidence, followUp)
  if (readable === 'silent' && opaque === 'answered') return ofHeldRequest(evidence)
  if (opaque === 'answered') return ofHiddenAnswer(evidence)
  const { localAccess } = followUp
  const isLocal = !!evidence.url && !!spaceOf(new URL(evidence.url).hostname)
  // The browser holds a request while it prompts the user.
  if (isLocal && localAccess === 'prompt' && readable === 'silent') return possible('policy.local_network', 'net.timeout')
  if (readable === 'silent' && opaque === 'silent') {
    if (kind !== 'timeout' && elapsedMs < 3000) return possible('path.proxy_auth', 'ws.failed', ...behindTls, 'net.timeout')
    return evidence.transport === 'websocket' ? likely('net.timeout') : unansweredRequest
  }
  if (isLocal && localAccess === 'denied' && page !== 'failed')
    return likely('policy.local_network', 'net.unreachable', ...behindTheName)
  if (page === 'failed') return isOnline ? likely('net.offline', ...behindTheName) : certain('net.offline')
  // For the page's own origin there is no other host to compare with.
  if (page === 'none' && !isOnline) return likely('net.offline', ...behindTheName)
  // Also for attempts that timed out: browsers delay a WebSocket to a host where earlier ones have failed.
  // Any name may resolve to the local network. A page without TLS is always denied that, so there a denial says nothing.
  const mayBeLocal = localAccess && (isLocal || (localAccess === 'denied' && evidence.isSecurePage))
  return unreachable(evidence, followUp, mayBeLocal ? [...behindAnything, 'policy.local_network'] : behindAnything)
}

/** Diagnoses a response that the page may not read. Without CORS all statuses look alike, and a WebSocket needs no CORS. */
function ofHiddenAnswer(evidence: Evidence): Opinion {
  // A session's server always sends CORS headers.
  if (evidence.isSession) return likely('path.intermediary', 'path.captive')
  const { transport, hasServed } = evidence
  if (transport !== 'websocket') return likelyOneOf('path.intercepted', 'http.cors', ...intermediaries, ...hiddenStatuses)
  // A path that let WebSockets pass hardly begins to block them; a captive portal, or a restarting server's gateway, answers all.
  if (hasServed && evidence.kind !== 'timeout')
    return likelyOneOf('path.intercepted', ...intermediaries, 'ws.failed', ...socketFaults)
  return ofSocketAlone(evidence, 'ws.subprotocol', ...intermediaries, ...hiddenStatuses, 'policy.client_blocked')
}

/** Diagnoses a host that does not answer. The number of round trips until the failure shows how far the connection got. */
function unreachable({ url = '', roundTripMs = 0 }: Evidence, { elapsedMs }: FollowUp, others: readonly string[]): Opinion {
  const isTls = url.startsWith('https:')
  const tls = isTls ? behindTls : []
  const trips = roundTripMs < minRoundTripMs ? Infinity : elapsedMs / roundTripMs
  if (trips < 0.6) return likelyOneOf('net.unreachable', 'net.dns', ...others)
  if (trips < 1.65) return likely('net.refused', 'net.reset', 'net.dns', ...others)
  if (trips < 3) return likelyOneOf('net.unreachable', ...tls, 'net.reset', ...others)
  return possiblyOneOf('net.unreachable', 'net.refused', 'net.dns', ...tls, 'net.reset', ...others)
}

/** Diagnoses a failure while the server answers plain requests of this page. */
function ofHttpThatWorks(evidence: Evidence, followUp: FollowUp): Opinion {
  const { status = 0, contentType = '', isOfSession, ledger } = followUp
  const { transport, kind, isSession } = evidence
  const isSocket = transport === 'websocket'
  if (ledger) return isSocket ? ofSocketIn(ledger, evidence) : ofRequestIn(ledger, evidence)
  // WebSocket servers answer a plain request with 426.
  const isOfSockets = !isSession && status === 426
  const isHtml = isPage(contentType)
  const suspects = isHtml || isSession || status >= 502 || status === 403 ? intermediaries : []
  // Another kind of WebSocket server than the client expects (one for sessions, or a plain one, which answers a GET with 426). If
  // the handshake was refused too, there may be no WebSocket server at all.
  const mayBeOther = isSession && status === 426
  const isOther = isOfSession || (mayBeOther && kind === 'timeout')
  // A cross-origin response has CORS headers, which no proxy sends; same-origin, the server of a session never answers with HTML.
  if (isSession && isHtml && followUp.page === 'none') return likely('path.intermediary', 'path.captive', nameOf(status))
  if (status >= 300 && !isOfSockets) {
    // The server may not offer over HTTP what it offers over WebSocket.
    const others = isSocket ? ['ws.failed', ...(hidden.includes(status) ? socketFaults : [])] : []
    const name = `http.${status}`
    if (isOther) return likely('protocol-mismatch', name, ...suspects, ...others)
    return likely(name, ...(mayBeOther ? ['protocol-mismatch'] : []), ...suspects, ...others)
  }
  if (isHtml && evidence.hasServed) return likely('path.captive', 'path.intermediary', 'http.not_realtime')
  if (isSession || (status < 300 && isHtml)) return likely('http.not_realtime', 'path.captive', 'path.intermediary')
  if (isSocket)
    return ofSocketAlone(evidence, 'ws.subprotocol', 'policy.client_blocked', 'http.401', 'http.403', 'http.426', 'net.reset')
  if (kind === 'timeout') return likely('sse.buffered', 'net.timeout')
  return possiblyOneOf('net.unreachable', 'net.reset', 'path.intermediary')
}

/** Statuses with which a server answers a GET where it offers only a WebSocket. */
const hidden = [400, 404, 405, 501]
const socketFaults = ['ws.upgrade_blocked', 'ws.upgrade_stripped', 'ws.bad_handshake', 'ws.subprotocol'] as const

/** Diagnoses a held readable request while an opaque one is answered: so looks a server that holds a long-poll. */
function ofHeldRequest(evidence: Evidence): Opinion {
  return evidence.transport === 'websocket' ? ofSocketAlone(evidence, 'net.reset', ...intermediaries) : unansweredRequest
}

const unansweredRequest = likely('net.timeout', 'sse.buffered', 'client.pool_exhausted')

/** Diagnoses a WebSocket that did not open while plain HTTP works. */
function ofSocketAlone({ kind, isRepeated }: Evidence, ...others: readonly string[]): Opinion {
  if (kind === 'timeout') return swallowed()
  const oneOf = isRepeated ? likelyOneOf : possiblyOneOf
  return oneOf('ws.failed', 'ws.upgrade_blocked', 'ws.upgrade_stripped', 'ws.bad_handshake', ...others)
}

function swallowed(): Opinion {
  return likely('ws.upgrade_hang', 'ws.upgrade_blocked', 'ws.bad_handshake')
}

/** Diagnoses a WebSocket that did not open, by the server's ledger. */
function ofSocketIn({ sawUpgrade, sawRequest, verdict, scope }: Ledger, { kind, isRepeated }: Evidence): Opinion {
  if (kind === 'timeout') return swallowed()
  if (sawUpgrade && typeof verdict === 'number') return refusedWith(verdict)
  if (sawUpgrade && verdict === 'accepted') return likely('ws.bad_handshake', 'ws.subprotocol')
  if (sawUpgrade) return possiblyOneOf('ws.failed', 'ws.upgrade_blocked', 'ws.bad_handshake')
  if (sawRequest) return certain('ws.upgrade_stripped')
  // A restarting server looks the same once: a WebSocket counts as blocked only if it failed both before and after HTTP worked.
  if (!isRepeated) return possiblyOneOf('ws.failed', 'ws.upgrade_blocked', 'policy.client_blocked', 'net.reset')
  return (scope === 'all' ? likely : possible)('ws.upgrade_blocked', 'policy.client_blocked')
}

/** Diagnoses a refusal that is in the ledger but did not reach the page. */
function refusedWith(code: number): Opinion {
  return likely(`close.${code}`, 'path.intermediary')
}

/** Diagnoses a request of another transport, by the server's ledger. */
function ofRequestIn({ sawRequest, verdict }: Ledger, { kind }: Evidence): Opinion {
  if (typeof verdict === 'number') return refusedWith(verdict)
  const isAnswered = sawRequest && verdict === 'accepted'
  if (kind === 'timeout') {
    if (isAnswered) return likely('sse.buffered', 'net.timeout', 'stream.decode')
    return sawRequest ? likely('net.timeout') : likely('net.timeout', 'client.pool_exhausted')
  }
  if (isAnswered) return likely('http.cors', 'path.intermediary', 'net.reset')
  return possiblyOneOf('net.unreachable', 'net.reset', 'path.intermediary', 'http.cors')
}
