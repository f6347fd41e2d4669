import type { Evidence } from '../api/evidence.ts'
import { essenceOf } from '../util/http-fields.ts'

/** Evidence without anything that may be secret. */
export type SafeEvidence = Readonly<Record<string, unknown>>

/** Members that are numbers, booleans or our own names, never text of a server or page. A string, which bundlers can drop. */
const safe =
  ' kind phase elapsedMs isOnline isHidden engine isSecurePage roundTripMs hasHeard hasOpened hasServed isSameOrigin violation isRepeated isOnlyWay isSession' +
  ' retryAfterMs isMute isOfSession status code wasClean hasErred how isBody isCutOff isHandshake isMistake readable opaque isRedirect isRedirected localAccess page' +
  ' scope sawRequest sawUpgrade verdict by '
const groups = ' followUp ledger lastEnd '
const knownType = /^(text|application)\/(html|plain|event-stream|json|problem\+json|x-ndjson|octet-stream)$/
/** A path segment that a person has named; any other may be a token. */
const readable = /^([a-z][a-z_.~-]{0,23}|[a-z]{1,4}\d{1,2})$/i

/**
 * Returns the part of the evidence that is safe to publish. Free text of a server (a reason, a content type, the start of a body)
 * is left out, since it may contain anything.
 */
export function safeEvidence(evidence: Evidence): SafeEvidence {
  return only(evidence)
}

function only(given: object): SafeEvidence {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]): readonly (readonly [string, unknown])[] => {
      if (name === 'contentType') return [[name, knownType.exec(essenceOf(String(value)))?.[0] ?? (value ? 'other' : 'none')]]
      if (value && includes(groups, name)) return [[name, only(value)]]
      const isPlain = typeof value === 'number' || typeof value === 'boolean' || isWord(value)
      return isPlain && includes(safe, name) ? [[name, value]] : []
    }),
  )
}

function includes(names: string, name: string): boolean {
  return names.includes(` ${name} `)
}

/** Names that we define are single short words; a ledger may come from any server. */
function isWord(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z-]{1,24}$/.test(value)
}

/** Returns origin and path, without path segments that may be tokens. */
export function safeUrl({ origin, pathname }: URL): string {
  return (
    origin +
    pathname
      .split('/')
      .map((part) => (!part || readable.test(part) ? part : '…'))
      .join('/')
  )
}
