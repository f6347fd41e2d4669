import type { IncomingMessage } from 'node:http'
import { quoted } from '../../util/quoted.ts'
import { isThenable } from '../util/thenable.ts'

/** Decides whether the pages of an origin may connect; only `true` allows it. */
export type OriginFunction = (origin: string, request: IncomingMessage) => boolean | Promise<boolean>

/** The type of `origins`: one function, or a list of origins, wildcards and functions. */
export type OriginsOption = OriginFunction | readonly (string | OriginFunction)[]

/** One entry of `origins`, checked and normalized. */
export type OriginRule =
  | { readonly type: 'exact'; readonly origin: string }
  /** One or more labels stand between `before` and `after`. */
  | { readonly type: 'wildcard'; readonly before: string; readonly after: string }
  /** Every origin of a scheme other than http and https, which `start` (`tauri://`) names. */
  | { readonly type: 'scheme'; readonly start: string }
  | { readonly type: 'function'; readonly allows: OriginFunction }

/** An invalid entry: `why` says how to correct it. */
export interface OriginMistake {
  readonly why: string
}

const httpOrigin = /^https?:\/\/[^\s/?#\\@]+$/i
/** Other schemes have no default port, and URL parsers do not normalize their authority. */
const otherOrigin = /^[a-z][a-z\d+.-]*:\/\/[^\s/?#\\@,*]+$/i
const schemeAlone = /^[a-z][a-z\d+.-]*:$/i
/** The hosts of development servers, which seldom have TLS. */
const loopback = /^(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/i
/** Pages of these schemes have the origin `null`. */
const opaqueScheme = /^(about|blob|data|javascript):$/i

/**
 * Parses one entry of `origins`. An accepted entry is normalized to what browsers send, so that it matches: lower case, punycode,
 * no default port. An entry that could never match is a mistake.
 */
export function readOriginRule(value: unknown): OriginRule | OriginMistake {
  if (typeof value === 'function') return { type: 'function', allows: value as OriginFunction }
  if (typeof value !== 'string') {
    return value instanceof RegExp ? { why: 'write a function: (origin) => pattern.test(origin)' } : { why: '' }
  }
  if (value === '*' || /^(http|ws)s?:$/i.test(value))
    return { why: 'any page on the web could then act as the user who visits it; if you mean that, write () => true' }
  if (value === 'null')
    return { why: "anybody's sandboxed frames and local files have the origin `null`, so it is always refused" }
  if (/^wss?:\/\//i.test(value))
    return { why: `write ${quoted(value.replace(/^ws/i, 'http'))}: pages have the scheme http or https` }
  if (!/^https?:/i.test(value)) return readOther(value)
  const origin = httpOrigin.test(value) ? normalised(value) : null
  if (origin === null) return { why: hintFor(value) }
  const star = origin.indexOf('*')
  if (star < 0) return { type: 'exact', origin }
  const before = origin.slice(0, star)
  const after = origin.slice(star + 1)
  const isSubdomain = before.endsWith('://') && /^\.[^.*:]/.test(after) && !after.includes('*')
  if (!isSubdomain)
    return {
      why: "a wildcard stands for the first labels of a host, as in 'https://*.app.example'; for anything else write a function",
    }
  return { type: 'wildcard', before, after }
}

function readOther(value: string): OriginRule | OriginMistake {
  if (otherOrigin.test(value) || value.toLowerCase() === 'file://') return { type: 'exact', origin: value.toLowerCase() }
  if (opaqueScheme.test(value)) return { why: 'its pages have the origin null, which is always refused' }
  if (schemeAlone.test(value)) return { type: 'scheme', start: `${value.toLowerCase()}//` }
  if (value.includes('*')) return { why: 'a wildcard needs http or https; write a function' }
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(value)) return { why: hintFor(value) }
  const host = value.replace(/^\/\//, '')
  const guess = normalised(`${loopback.test(host) ? 'http' : 'https'}://${host}`)
  return { why: guess && /^[\w.:[\]/-]+$/.test(value) ? `write ${quoted(guess)}` : '' }
}

/** The correct spelling of an entry with a path, a trailing slash or an impossible port. */
function hintFor(value: string): string {
  if (/:\*/.test(value)) return 'ports are exact; for any port write a function'
  const [, origin] = /^([a-z][a-z\d+.-]*:\/\/)(?=[^\s/?#\\]+)/i.exec(value)
    ? (/^([a-z][a-z\d+.-]*:\/\/[^\s/?#\\]+)/i.exec(value) ?? [])
    : []
  const bare = origin?.replace(/\/\/.*@/, '//')
  if (bare === undefined) return ''
  const guess = /^https?:/i.test(bare) ? normalised(bare) : bare.toLowerCase()
  return guess === null ? '' : `write ${quoted(guess)}`
}

/** An origin as browsers serialize it; `null` if it is no URL. */
export function normalised(origin: string): string | null {
  try {
    const url = new URL(origin)
    return `${url.protocol}//${url.host}`
  } catch {
    return null
  }
}

/** Whether one of the rules allows this origin. Functions run last, one after the other; the caller handles their errors. */
export function isListed(rules: readonly OriginRule[], origin: string, request: IncomingMessage): boolean | Promise<boolean> {
  const sent = /^https?:/i.test(origin) ? origin : origin.toLowerCase()
  if (rules.some((rule) => matches(rule, sent))) return true
  const functions = rules.flatMap((rule) => (rule.type === 'function' ? [rule.allows] : []))
  return askedFrom(functions, 0, origin, request)
}

function matches(rule: OriginRule, origin: string): boolean {
  if (rule.type === 'exact') return rule.origin === origin
  if (rule.type === 'scheme') return origin.startsWith(rule.start) && (origin === rule.start || otherOrigin.test(origin))
  if (rule.type === 'function') return false
  const { before, after } = rule
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false
  const labels = origin.slice(before.length, origin.length - after.length)
  return /^[a-z\d_-]+(\.[a-z\d_-]+)*$/.test(labels)
}

function askedFrom(
  functions: readonly OriginFunction[],
  index: number,
  origin: string,
  request: IncomingMessage,
): boolean | Promise<boolean> {
  for (let at = index; at < functions.length; at += 1) {
    const answer: unknown = functions[at]?.(origin, request)
    if (isThenable(answer))
      return Promise.resolve(answer).then((allows) => checked(allows) || askedFrom(functions, at + 1, origin, request))
    if (checked(answer)) return true
  }
  return false
}

/** A value that is merely truthy, such as an object returned by mistake, must not allow an origin. */
function checked(allows: unknown): boolean {
  if (typeof allows === 'boolean') return allows
  throw new TypeError('RealtimeServer: a function in `origins` must return true or false, or a promise of one.')
}
