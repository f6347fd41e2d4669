import type { Evidence } from '../api/evidence.ts'
import { isPage } from '../util/http-fields.ts'

/** What the client does: retry, try another transport, or stop until the application calls `connect()`. */
export type Verdict = 'retry' | 'fallback' | 'stop'

/**
 * Narrows a verdict. `credentials`: the client asks `prepare()` for fresh ones first, and a `stop` applies if they are refused
 * too. `not-offered`: the server does not offer this transport, or the page may not use it, so it is left out for a while.
 */
export type Hint = 'credentials' | 'not-offered'

/** The verdict and hint of a cause. */
export interface Ruling {
  readonly verdict: Verdict
  readonly hint?: Hint
}

const stopForCredentials: Ruling = { verdict: 'stop', hint: 'credentials' }
const notOffered: Ruling = { verdict: 'fallback', hint: 'not-offered' }

/** HTTP statuses with a verdict other than a plain `fallback`. nchan answers 410 at a reload. */
export const statusRulings: Readonly<Record<number, Ruling>> = {
  204: { verdict: 'stop' },
  ...each([401, 403], stopForCredentials),
  ...each([404, 405, 406, 426, 501], notOffered),
  // They concern the whole server, so that another transport would get the same status.
  ...each([408, 410, 425, 429, 502, 503, 504], { verdict: 'retry' }),
}

/** Close codes that refuse credentials. In a session fresh ones do not help against 4403 (docs/PROTOCOL.md, rule 9). */
export const refusalCodes = [1008, 4401, 4403]
/** Close codes of steadfast.v1 after which a session goes on; any other from 4001 up ends it. */
export const goesOn = [4408, 4409, 4413, 4429, 4500, 4503]

/** Groups of causes with the verdict `retry`; the others have `fallback`. */
const retried = /^(client|session|server|stream|conn|page)\./
const named: Readonly<Record<string, Ruling>> = {
  'client.stopped': { verdict: 'stop' },
  'client.unsupported': notOffered,
  'client.pool_exhausted': { verdict: 'fallback' },
  'stream.oversized': { verdict: 'fallback' },
  'policy.csp': notOffered,
  'policy.mixed_content': notOffered,
  'policy.blocked_port': notOffered,
  'http.not_realtime': notOffered,
  'protocol-mismatch': notOffered,
}

/** Returns the ruling for a cause. */
export function rulingOf(name: string, isSession: boolean): Ruling {
  const [group, number] = name.split('.')
  if (group === 'close') return closeRuling(Number(number), isSession)
  if (group === 'http' && Number(number)) {
    const ruling = statusRulings[Number(number)] ?? { verdict: 'fallback' }
    // The server of a session marks its responses, so this one is not from it and cannot stop the client.
    return isSession && ruling.verdict === 'stop' ? { verdict: 'fallback' } : ruling
  }
  return named[name] ?? { verdict: retried.test(name) ? 'retry' : 'fallback' }
}

function closeRuling(code: number, isSession: boolean): Ruling {
  if (refusalCodes.includes(code) && !(isSession && code === 4403)) return stopForCredentials
  return { verdict: isSession && code > 4000 && !goesOn.includes(code) ? 'stop' : 'retry' }
}

/** Returns the ruling on this evidence: a cause that was only inferred must not stop the client. */
export function judged(cause: string, evidence: Evidence): Ruling {
  const ruling = rulingOf(cause, !!evidence.isSession)
  const { verdict, hint } = ruling
  const { kind, phase, isRepeated, hasOpened, isOnlyWay } = evidence
  if (kind === 'unprepared') return { verdict: evidence.isMistake ? 'stop' : verdict }
  // An HTML page comes from a captive portal, a firewall, a service worker, or a server that is being deployed.
  if (hint && isForPeople(evidence, hint)) return { verdict: 'fallback', ...(cause === 'http.401' && { hint }) }
  // A close code from the ledger or from `lastEnd` was not received by this attempt.
  const wasTold = evidence.kind === 'closed' && cause === `close.${evidence.code}`
  if (cause.startsWith('close.') && !wasTold) return { verdict: phase === 'open' ? 'retry' : 'fallback' }
  // Over HTTP a browser can show that the request is same-origin, in a WebSocket handshake it may not (rule 13).
  const isOriginRefused = evidence.kind === 'closed' && evidence.code === 4403 && evidence.reason.startsWith('the origin ')
  if (isOriginRefused && evidence.isSession && evidence.transport === 'websocket' && !isOnlyWay) return { verdict: 'fallback' }
  const isInferred = cause.startsWith('http.') || (cause === 'protocol-mismatch' && kind !== 'mismatch')
  if (isInferred && kind !== 'answered') {
    // Another transport will get the server's own response.
    const isProven =
      hint === 'credentials' && isRepeated && !hasOpened && isOnlyWay && !isPage(evidence.followUp?.contentType ?? '')
    return isProven ? ruling : { verdict: 'fallback' }
  }
  return verdict === 'fallback' && phase === 'open' && kind !== 'answered' ? { verdict: 'retry' } : ruling
}

/** Whether the response is an HTML page. Express labels any text as HTML: one without markup may still refuse credentials. */
function isForPeople(evidence: Evidence, hint: Hint): boolean {
  if (evidence.kind !== 'answered') return false
  const { contentType, start = '' } = evidence
  return isPage(contentType) && (hint !== 'credentials' || !start || /^\s*</.test(start))
}

function each(numbers: readonly number[], ruling: Ruling): Readonly<Record<number, Ruling>> {
  return Object.fromEntries(numbers.map((number) => [number, ruling]))
}
