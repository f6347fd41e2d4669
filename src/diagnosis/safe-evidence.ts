import type { Evidence } from '../api/evidence.ts'
import { essenceOf } from '../util/http-fields.ts'

/** Evidence without what may be secret. */
export type SafeEvidence = Readonly<Record<string, unknown>>

/** Members that are numbers, truths, or names of ours, whatever a server or a page may say. One text: a bundler drops it where nothing needs it. */
const safe =
  ' kind phase elapsedMs isOnline isHidden engine isSecurePage roundTripMs hasHeard hasOpened hasServed isSameOrigin violation isRepeated isOnlyWay isSession' +
  ' retryAfterMs isMute isOfSession status code wasClean hasErred how isBody isCutOff isHandshake isMistake readable opaque isRedirect isRedirected localAccess page' +
  ' scope sawRequest sawUpgrade verdict by '
const groups = ' followUp ledger lastEnd '
const knownType = /^(text|application)\/(html|plain|event-stream|json|problem\+json|x-ndjson|octet-stream)$/
/** A part of a path that a person has named; anything else may be a token. */
const readable = /^([a-z][a-z_.~-]{0,23}|[a-z]{1,4}\d{1,2})$/i

/**
 * What may be pasted in public. What a server has said in its own words (a reason, a type, the beginning of an answer) is left out,
 * since nobody can know what it holds.
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

/** The names of ours are single short words; a ledger may be anybody's. */
function isWord(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z-]{1,24}$/.test(value)
}

/** Origin and path, without what in the path may be a token. */
export function safeUrl({ origin, pathname }: URL): string {
  return (
    origin +
    pathname
      .split('/')
      .map((part) => (!part || readable.test(part) ? part : '…'))
      .join('/')
  )
}
