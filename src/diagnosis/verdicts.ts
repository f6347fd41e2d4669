import type { Evidence } from '../api/evidence.ts'
import { isPage } from '../util/http-fields.ts'

/** What to do: try again, try another transport, or stop until the application says `connect()`. */
export type Verdict = 'retry' | 'fallback' | 'stop'

/**
 * Narrows a verdict. `credentials`: ask `prepare()` for fresh ones; where the verdict is stop, stop if they are refused too.
 * `not-offered`: the server does not have this transport, or this page may not use it, so it is left out for a while.
 */
export type Hint = 'credentials' | 'not-offered'

/** What a cause means for what the client does next. */
export interface Ruling {
  readonly verdict: Verdict
  readonly hint?: Hint
}

const stopForCredentials: Ruling = { verdict: 'stop', hint: 'credentials' }
const notOffered: Ruling = { verdict: 'fallback', hint: 'not-offered' }

/** HTTP statuses of which more is to be said than that this transport does not work. 410 is what nchan says at a reload. */
export const statusRulings: Readonly<Record<number, Ruling>> = {
  204: { verdict: 'stop' },
  ...each([401, 403], stopForCredentials),
  ...each([404, 405, 406, 426, 501], notOffered),
  // They speak of the whole server, so that another transport would hear the same.
  ...each([408, 410, 425, 429, 502, 503, 504], { verdict: 'retry' }),
}

/** Close codes by which servers refuse credentials. In a session none help against 4403 (docs/PROTOCOL.md, rule 9). */
export const refusalCodes = [1008, 4401, 4403]
/** Close codes of steadfast.v1 after which a session goes on; any other from 4001 up ends it. */
export const goesOn = [4408, 4409, 4413, 4429, 4500, 4503]

/** Groups of causes after which the same is tried again; after the others, another transport. */
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

/** What the cause of that name means. */
export function rulingOf(name: string, isSession: boolean): Ruling {
  const [group, number] = name.split('.')
  if (group === 'close') return closeRuling(Number(number), isSession)
  if (group === 'http' && Number(number)) {
    const ruling = statusRulings[Number(number)] ?? { verdict: 'fallback' }
    // A session's server marks what it says, so this is not its own word: neither about the credentials nor that it is over.
    return isSession && ruling.verdict === 'stop' ? { verdict: 'fallback' } : ruling
  }
  return named[name] ?? { verdict: retried.test(name) ? 'retry' : 'fallback' }
}

function closeRuling(code: number, isSession: boolean): Ruling {
  if (refusalCodes.includes(code) && !(isSession && code === 4403)) return stopForCredentials
  return { verdict: isSession && code > 4000 && !goesOn.includes(code) ? 'stop' : 'retry' }
}

/** The ruling on this evidence: what was only inferred must not stop a client for good. */
export function judged(cause: string, evidence: Evidence): Ruling {
  const ruling = rulingOf(cause, !!evidence.isSession)
  const { verdict, hint } = ruling
  const { kind, phase, isRepeated, hasOpened, isOnlyWay } = evidence
  if (kind === 'unprepared') return { verdict: evidence.isMistake ? 'stop' : verdict }
  // A page for people comes from a portal, a firewall, a service worker, or in the middle of a deployment.
  if (hint && isForPeople(evidence, hint)) return { verdict: 'fallback', ...(cause === 'http.401' && { hint }) }
  // What only the server's memory says has not been said to this attempt.
  const wasTold = evidence.kind === 'closed' && cause === `close.${evidence.code}`
  if (cause.startsWith('close.') && !wasTold) return { verdict: phase === 'open' ? 'retry' : 'fallback' }
  // A browser may tell with a request that the page is the server's own, and not with a handshake (rule 13).
  const isOriginRefused = evidence.kind === 'closed' && evidence.code === 4403 && evidence.reason.startsWith('the origin ')
  if (isOriginRefused && evidence.isSession && evidence.transport === 'websocket' && !isOnlyWay) return { verdict: 'fallback' }
  const isInferred = cause.startsWith('http.') || (cause === 'protocol-mismatch' && kind !== 'mismatch')
  if (isInferred && kind !== 'answered') {
    // Another transport will be told by the server itself.
    const isProven =
      hint === 'credentials' && isRepeated && !hasOpened && isOnlyWay && !isPage(evidence.followUp?.contentType ?? '')
    return isProven ? ruling : { verdict: 'fallback' }
  }
  return verdict === 'fallback' && phase === 'open' && kind !== 'answered' ? { verdict: 'retry' } : ruling
}

/** Whether the answer is HTML. Express calls any text HTML: one without markup may still refuse credentials. */
function isForPeople(evidence: Evidence, hint: Hint): boolean {
  if (evidence.kind !== 'answered') return false
  const { contentType, start = '' } = evidence
  return isPage(contentType) && (hint !== 'credentials' || !start || /^\s*</.test(start))
}

function each(numbers: readonly number[], ruling: Ruling): Readonly<Record<number, Ruling>> {
  return Object.fromEntries(numbers.map((number) => [number, ruling]))
}
