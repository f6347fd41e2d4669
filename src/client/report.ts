import type { ClientState } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { AttemptReport } from '../connection/attempt-log.ts'

/** The version of this package; a test compares it with package.json. */
export const version = '0.1.0'

/** The result of `client.report()`, always with its members in this order. It contains nothing secret. */
export interface ClientReport {
  readonly version: string
  /** The time of the report: ISO 8601, UTC. */
  readonly at: string
  /** The browser's user agent string; `''` if there is none. */
  readonly userAgent: string
  /** The given options: numbers, booleans and the names of transports as they are, of any other value only its type. */
  readonly options: Readonly<Record<string, unknown>>
  readonly status: ClientState['status']
  /** The last 100 attempts, oldest first. */
  readonly attempts: readonly AttemptReport[]
}

/** Options of which only the type is reported: they contain the application's data, or code. */
const unopened = ['host', 'headers', 'causes', 'diagnosis']
/** Options whose strings are names that this package defines. */
const named = ['protocol', 'overflow', 'credentials', 'type']

/** Returns the report of a client with these options. */
export function reportOf(
  host: Host,
  options: object,
  status: ClientState['status'],
  attempts: readonly AttemptReport[],
): ClientReport {
  const at = new Date(host.wallTime(host.now())).toJSON()
  return { version, at, userAgent: host.userAgent ?? '', options: safeOptions(options), status, attempts }
}

/** Returns the options without anything that may be secret. */
export function safeOptions(options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => [name, safeValue(name, value)]),
  )
}

function safeValue(name: string, value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'string') return named.includes(name) && /^[a-z-]{1,24}$/.test(value) ? value : 'string'
  if (Array.isArray(value)) return value.map((each) => safeValue('type', each))
  // A built-in transport; one without settings is reported by its name, as it may have been given.
  if (name === 'type' && typeof value === 'object' && 'create' in value && 'settings' in value) {
    const settings = safeOptions(Object(value.settings))
    return Object.keys(settings).length > 1 ? settings : settings['type']
  }
  if (name === 'protocol' && typeof value === 'object' && 'name' in value) return safeValue(name, value.name)
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && !unopened.includes(name)
  return isPlain ? safeOptions(value) : typeof value
}
