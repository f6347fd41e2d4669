import type { Evidence } from './evidence.ts'

/** What to do: try again, try another transport, or stop until the application says `connect()`. */
export type Verdict = 'retry' | 'fallback' | 'stop'

/** What happened, as far as a browser lets anyone see. */
export interface Diagnosis {
  /** A stable code such as `http.503`, `close.1001` or `net.timeout`. */
  readonly cause: string
  /** How sure that is: browsers hide most of it. */
  readonly certainty: 'certain' | 'likely' | 'possible'
  readonly verdict: Verdict
  /**
   * Narrows the verdict. `credentials`: stop, but ask `prepare()` for fresh ones first. `not-offered`: the server does not
   * have this transport, so it is left out for a while.
   */
  readonly hint?: 'credentials' | 'not-offered'
  /** What happened, in a sentence. */
  readonly message: string
  /** The first thing to do about it; absent rather than vague. */
  readonly remedy?: string
  readonly evidence: Evidence
}

type Judgement = readonly [
  cause: string,
  certainty: Diagnosis['certainty'],
  verdict: Verdict,
  message: string,
  hint?: Diagnosis['hint'],
]

/** Statuses by which a server says that it does not have what was asked for. */
const notOffered = [404, 405, 406, 426, 501]
/** Statuses that speak of the whole server, so that another transport would hear the same. 410 is what nchan says at a reload. */
const passing = [408, 410, 425, 429, 502, 503, 504]
/** Close codes by which servers refuse credentials. */
const refusing = [1008, 4401, 4403]
/** Close codes of steadfast.v1 after which a session goes on (rule 9); any other from 4000 up ends it. */
const sessionGoesOn = [4408, 4409, 4413, 4429, 4500, 4503]

/** Judges what a transport saw. The only place where a failure gets its meaning. */
export function diagnose(evidence: Evidence): Diagnosis {
  const [cause, certainty, verdict, message, hint] = judgementOf(evidence)
  const remedy = remedies[cause]
  return { cause, certainty, verdict, message, evidence, ...(hint && { hint }), ...(remedy && { remedy }) }
}

const remedies: Readonly<Record<string, string>> = {
  'policy.blocked': "Allow the URL in the page's Content-Security-Policy (connect-src); on an https page use https or wss.",
  'http.not_realtime': 'Check the URL: something else answers there.',
}

function judgementOf(evidence: Evidence): Judgement {
  const isOpen = evidence.phase === 'open'
  switch (evidence.kind) {
    case 'answered':
      return judgementOfAnswer(evidence.status, evidence.contentType)
    case 'closed':
      // Before it opened nothing but a session's server gives a reason.
      return isOpen || (evidence.isSession && evidence.code > 4000) ? judgementOfClose(evidence) : unreachable
    case 'blocked':
      return ['policy.blocked', 'likely', 'fallback', `The browser did not allow the connection: ${evidence.detail}.`]
    case 'broken':
      return isOpen ? ['conn.dropped', 'certain', 'retry', 'The connection was cut.'] : unreachable
    case 'ended':
      return ['stream.ended', 'certain', 'retry', 'The server ended the stream.']
    case 'timeout':
      return ['net.timeout', 'certain', isOpen ? 'retry' : 'fallback', 'The server did not answer in time.']
    case 'silent':
      return ['conn.stale', 'likely', 'retry', 'The connection went silent.']
    case 'unsupported':
      return ['client.unsupported', 'certain', 'fallback', `This browser lacks ${evidence.detail}.`, 'not-offered']
    case 'crowded':
      return ['client.pool_exhausted', 'certain', 'fallback', 'Other tabs hold all the connections that one origin should have.']
    case 'unprepared':
      return ['client.unprepared', 'certain', evidence.isMistake ? 'stop' : 'retry', evidence.detail]
    case 'overflow':
      return ['client.outbox_full', 'certain', 'retry', 'The outbox is full, so a message was dropped.']
    case 'expired':
      return ['client.expired', 'certain', 'retry', 'A message waited longer than it may.']
    case 'too-large':
      return ['client.too_large', 'certain', 'retry', 'A message is larger than the server takes.']
    case 'forgotten':
      return [
        'session.lost',
        'certain',
        'retry',
        'The server lost the session, so what it had not acknowledged is not sent again.',
      ]
    case 'mismatch':
      return [
        'protocol-mismatch',
        'certain',
        'fallback',
        `The server does not speak steadfast.v1: ${evidence.detail}.`,
        'not-offered',
      ]
    case 'unreadable':
      return ['client.unreadable', 'certain', 'retry', `A message could not be read: ${evidence.detail}.`]
    case 'hidden':
      return ['page.hidden', 'certain', 'retry', 'The page was put away, so the client hung up.']
    case 'unread':
      return [
        'client.unread',
        'certain',
        'retry',
        'Too many messages were left unread, so the client hung up until they are read.',
      ]
    case 'restored':
      return ['conn.restored', 'certain', 'retry', 'The page came back with a connection that cannot be believed.']
    default:
      return evidence satisfies never
  }
}

const unreachable: Judgement = ['net.unreachable', 'possible', 'fallback', 'No connection came about; browsers do not say why.']

function judgementOfAnswer(status: number, contentType: string): Judgement {
  const cause = `http.${status}`
  const message = `The server answered ${status}.`
  if (status === 204) return [cause, 'certain', 'stop', 'The server says that nothing more will come (204).']
  if (status === 401 || status === 403)
    return [cause, 'certain', 'stop', `The server refused the credentials (${status}).`, 'credentials']
  if (status < 300)
    return [
      'http.not_realtime',
      'certain',
      'fallback',
      `The answer is ${contentType || 'of no type'}, not messages.`,
      'not-offered',
    ]
  if (notOffered.includes(status)) return [cause, 'certain', 'fallback', message, 'not-offered']
  return [cause, 'certain', passing.includes(status) ? 'retry' : 'fallback', message]
}

function judgementOfClose({ code, reason, isSession }: Extract<Evidence, { kind: 'closed' }>): Judgement {
  if (code === 1006) return ['conn.dropped', 'likely', 'retry', 'The connection was cut.']
  const message = `The server closed the connection (${code}${reason && `: ${reason}`}).`
  // In a session no credentials help against 4403 (rule 9).
  if (refusing.includes(code) && !(isSession && code === 4403))
    return [`close.${code}`, 'certain', 'stop', message, 'credentials']
  return [`close.${code}`, 'certain', isSession && code > 4000 && !sessionGoesOn.includes(code) ? 'stop' : 'retry', message]
}
