import type { ClientState } from '../api/events.ts'
import type { AttemptReport } from '../connection/attempt-log.ts'

/** The version of this package; a test compares it with package.json. */
export const version = '0.1.0'

/** What `report()` returns, always with its members in this order: nothing in it is secret. */
export interface ClientReport {
  readonly version: string
  /** When it was made: ISO 8601, UTC. */
  readonly at: string
  /** The browser's, '' where there is none. */
  readonly userAgent: string
  /** The options that were given: numbers, truths and the names of transports as they are, of anything else only its type. */
  readonly options: Readonly<Record<string, unknown>>
  readonly status: ClientState['status']
  /** The last 100, the oldest first. */
  readonly attempts: readonly AttemptReport[]
}

/** Options of which only the type is told: what is in them is the application's, or code. */
const unopened = ['host', 'headers', 'causes', 'diagnosis']
/** Options whose strings are names of ours. */
const named = ['protocol', 'overflow', 'credentials', 'type']

/** The options without what may be secret. */
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
  // A built-in transport, which may have been named by its type alone.
  if (name === 'type' && typeof value === 'object' && 'create' in value && 'settings' in value) {
    const settings = safeOptions(Object(value.settings))
    return Object.keys(settings).length > 1 ? settings : settings['type']
  }
  if (name === 'protocol' && typeof value === 'object' && 'name' in value) return safeValue(name, value.name)
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && !unopened.includes(name)
  return isPlain ? safeOptions(value) : typeof value
}
