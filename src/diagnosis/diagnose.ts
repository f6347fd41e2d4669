import type { Circumstances, Evidence } from '../api/evidence.ts'
import { essenceOf } from '../util/http-fields.ts'
import { ofAnswer } from './answer.ts'
import { causeOf, type NamedCause, type OwnCause } from './causes.ts'
import { certain, likely, likelyOneOf, type Opinion, possiblyOneOf } from './opinion.ts'
import { unopened } from './unopened.ts'
import { type Hint, judged, type Verdict } from './verdicts.ts'

/** A named cause, an HTTP status, a close code, or a cause that a later version or the application adds. */
export type CauseName = NamedCause | `http.${number}` | `close.${number}` | (string & {})

/** The diagnosis of a failure, as far as the browser reveals it. */
export interface Diagnosis {
  /** A stable code such as `http.503`, `close.1001` or `net.timeout`; docs/DIAGNOSES.md lists them all. */
  readonly cause: CauseName
  /** How certain the cause is, since browsers hide most details. */
  readonly certainty: 'certain' | 'likely' | 'possible'
  /** The possible causes, likeliest first, if the evidence does not distinguish them. */
  readonly candidates?: readonly CauseName[]
  /** What the client does: it retries, dials the next transport, or stops. */
  readonly verdict: Verdict
  /**
   * Narrows the verdict. `credentials`: `prepare()` is asked for fresh ones first; a `stop` applies if they are refused too.
   * `not-offered`: the server does not offer this transport, or the page may not use it, so it is left out for a while.
   */
  readonly hint?: Hint
  /** What happened, in a sentence. */
  readonly message: string
  /** The first thing to do about it, if one is known. `steadfast/remedies` has one for most causes. */
  readonly remedy?: string
  /** What the transport saw, and the circumstances. It may contain text of the server; `client.report()` leaves that out. */
  readonly evidence: Evidence
}

/** The option `causes`: custom or replaced causes, by cause name, close code or HTTP status. */
export type OwnCauses = Readonly<Record<string | number, OwnCause>>

const noCauses: OwnCauses = {}

/** Returns the diagnosis for the evidence of a failure; nothing else interprets failures. */
export function diagnose(evidence: Evidence, own: OwnCauses = noCauses): Diagnosis {
  const { cause, certainty, candidates } = opinionOf(evidence)
  const known = causeOf(cause, !!evidence.isSession)
  const mine = own[cause] ?? own[Number(cause.split('.')[1])]
  const { verdict, hint } = mine?.verdict ? { verdict: mine.verdict } : judged(cause, evidence)
  const remedy = mine?.remedy
  return {
    cause,
    certainty,
    ...(candidates && { candidates }),
    verdict,
    message:
      mine?.message ??
      filled(
        known.message,
        {
          reason: '',
          ...evidence,
          ...(cause.startsWith('close.') && { ...evidence.lastEnd, code: cause.slice(6) }),
          ...(cause.startsWith('http.') && Number(cause.slice(5)) && { status: cause.slice(5) }),
        },
        certainty,
      ),
    evidence,
    ...(hint && { hint }),
    ...(remedy && { remedy }),
  }
}

/** Whether follow-up questions by plain HTTP could tell more. */
export function isOpenQuestion({ certainty, evidence }: Diagnosis): boolean {
  if (certainty === 'certain') return false
  switch (evidence.kind) {
    case 'closed':
      return evidence.phase !== 'open' && evidence.code !== 1015
    case 'broken':
      return !evidence.isBody
    case 'mismatch':
      return !!evidence.isHandshake
    default:
      return evidence.kind === 'timeout' || evidence.kind === 'silent' || evidence.kind === 'blocked'
  }
}

/** Fills the evidence into a message, and adds its certainty. */
function filled(message: string, evidence: object, certainty: Diagnosis['certainty']): string {
  const { followUp, url, isSession }: Partial<Circumstances> = evidence
  const given: Readonly<Record<string, unknown>> = {
    contentType: '',
    detail: isSession
      ? 'the server does not speak steadfast.v1'
      : 'the server speaks steadfast.v1, so the option is protocol: session()',
    ...placeOf(url),
    ...followUp,
    ...evidence,
  }
  const sentence = message.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = given[name]
    if (name === 'reason') return value ? `: ${value}` : ''
    if (name === 'violation') return value ? ` (${value})` : ''
    if (name === 'answer') return given['status'] ? ` ${given['status']}` : ''
    return name === 'contentType' ? essenceOf(String(value)) || 'something of no type' : String(value)
  })
  if (certainty === 'certain') return sentence.replace(/^the server/, 'The server')
  const isWord = !message.startsWith('{') && /^[A-Z][a-z]* /.test(sentence)
  const start = isWord ? sentence[0]?.toLowerCase() + sentence.slice(1) : sentence
  return `${certainty === 'likely' ? 'Probably' : 'Possibly'} ${start}`
}

/** Returns the parts of the dialled URL that messages name. */
function placeOf(url?: string): { readonly host: string; readonly hostname: string; readonly port: string } {
  if (!url) return { host: 'the server', hostname: 'the server', port: 'its' }
  const { host, hostname, port, protocol } = new URL(url)
  return { host, hostname, port: port || (protocol === 'https:' ? '443' : '80') }
}

function opinionOf(evidence: Evidence): Opinion {
  switch (evidence.kind) {
    case 'answered':
      return ofAnswer(evidence)
    case 'closed': {
      // A failed handshake is 1006, or 1015 in Firefox; the server of a session, or of SockJS, sends its refusals after it.
      const hasReason =
        evidence.phase === 'open' ||
        ((evidence.isSession || evidence.hasHeard) && evidence.code !== 1006 && evidence.code !== 1015)
      return hasReason ? ofClose(evidence) : unopened(evidence)
    }
    case 'broken':
      if (!evidence.isBody) return unopened(evidence)
      return evidence.transport === 'sse' && evidence.hasHeard === false
        ? likely('stream.decode', 'stream.truncated')
        : likely('stream.truncated', 'stream.decode')
    case 'ended':
      if (evidence.isCutOff) return likely('stream.truncated', 'stream.ended')
      // WebKit reports a truncated body as a complete one.
      return evidence.engine === 'webkit' ? likely('stream.ended', 'stream.truncated') : certain('stream.ended')
    case 'oversized':
      return certain('stream.oversized')
    case 'blocked':
    case 'timeout':
      return unopened(evidence)
    case 'silent':
      return ofSilence(evidence)
    case 'mismatch':
      if (!evidence.isHandshake) return certain('protocol-mismatch')
      return evidence.followUp?.ledger?.verdict === 'accepted'
        ? likely('ws.subprotocol', 'ws.bad_handshake')
        : likely('protocol-mismatch', 'ws.subprotocol')
    case 'unsupported':
      return certain('client.unsupported')
    case 'crowded':
      return certain('client.pool_exhausted')
    case 'unprepared':
      return certain('client.unprepared')
    case 'stopped':
      return certain('client.stopped')
    case 'overflow':
      return certain('client.outbox_full')
    case 'expired':
      return certain('client.expired')
    case 'too-large':
      return certain('client.too_large')
    case 'forgotten':
      return certain('session.lost')
    case 'divided':
      return certain('server.two_stores')
    case 'unreadable':
      return certain('client.unreadable')
    case 'unread':
      return certain('client.unread')
    case 'hidden':
      return certain('page.hidden')
    case 'reconnect':
      return certain('client.reconnect')
    case 'restored':
      return certain('conn.restored')
    default:
      return evidence satisfies never
  }
}

/** Diagnoses the close of an open WebSocket, or of a session's attachment. */
function ofClose({ code, wasClean, hasErred, engine, lastEnd }: Extract<Evidence, { kind: 'closed' }>): Opinion {
  if (code !== 1006) {
    if (!isLegal(code)) return certain('conn.protocol_error')
    // A server that sends 1005, or half a code, looks the same as one that sends no code.
    return code === 1005 ? likely('close.1005', 'conn.protocol_error') : certain(`close.${code}`)
  }
  if (wasClean) return certain('conn.protocol_error')
  // The browser sent this code to the server but did not report it to the page (rule 16).
  if (lastEnd?.by === 'client' && [1002, 1007, 1009].includes(lastEnd.code)) return certain('conn.protocol_error')
  if (lastEnd?.by === 'server' && lastEnd.code > 1000) return likely(`close.${lastEnd.code}`, 'conn.dropped')
  if (engine === 'chromium') return hasErred ? certain('conn.protocol_error') : likely('conn.dropped', 'conn.protocol_error')
  if (!hasErred) return likely('conn.dropped', 'conn.protocol_error')
  if (engine === 'firefox') return likelyOneOf('conn.lost', 'conn.dropped', 'conn.protocol_error')
  // WebKit does not pass on 1012 to 1014.
  const cause = lastEnd ? 'conn.dropped' : 'conn.lost'
  return likelyOneOf(cause, 'conn.dropped', 'conn.protocol_error', 'close.1012', 'close.1013', 'close.1014')
}

/** Whether the code is allowed by RFC 6455 §7.4 and the registry of close codes. 1005 stands for a Close frame without a code. */
function isLegal(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999)
}

function ofSilence({ transport, hasHeard, isMute, followUp }: Extract<Evidence, { kind: 'silent' }>): Opinion {
  if (transport === 'sse' && (isMute || hasHeard === false)) return likely('sse.buffered', 'conn.stale', 'conn.lost_host')
  if (!followUp) return possiblyOneOf('conn.silent', 'conn.stale', 'conn.lost_host')
  const { readable, opaque, page } = followUp
  if (readable === 'answered' || opaque === 'answered') return likely('conn.stale')
  if (page === 'failed') return likely('net.offline', 'conn.lost_host')
  return likely('conn.lost_host', 'net.offline')
}
