import { numbers } from '../util/check-options.ts'

/** Options of one reconnecting socket, named as in `reconnecting-websocket`. */
export interface ReconnectionOptions {
  /** The first delay, in milliseconds. @defaultValue random, from 1,000 to 5,000 */
  readonly minReconnectionDelay?: number
  /** The longest delay, in milliseconds. @defaultValue 10,000 */
  readonly maxReconnectionDelay?: number
  /** The factor by which the delay grows from one retry to the next. @defaultValue 1.3 */
  readonly reconnectionDelayGrowFactor?: number
  /** How long a connection must last before `retryCount` is reset to 0, in milliseconds. @defaultValue 5,000 */
  readonly minUptime?: number
  /** How many retries are made without the socket having been open for `minUptime`. @defaultValue Infinity */
  readonly maxRetries?: number
  /** How many messages are queued until the socket is open; beyond that `send()` throws a `RangeError`. @defaultValue 1,000 */
  readonly maxEnqueuedMessages?: number
  /** Whether to connect only on `reconnect()`. @defaultValue false */
  readonly startClosed?: boolean
}

export type Reconnection = Required<Omit<ReconnectionOptions, 'minReconnectionDelay'>> & {
  readonly minReconnectionDelay: number
}

/** Options of `reconnecting-websocket` and `partysocket` that have another name or place here. */
const elsewhere: Readonly<Record<string, string>> = {
  connectionTimeout: 'give reconnectingSocketOver() connectTimeoutMs, which is for each transport',
  WebSocket: 'the class below is the one of webSocketOver()',
  debug: 'give reconnectingSocketOver() debug: true',
  debugLogger: 'give reconnectingSocketOver() debug: (line) => …',
}

/** @throws TypeError that names the option, what it was, and what it may be */
export function reconnectionOf(given: unknown, random: () => number): Reconnection {
  if (given !== undefined && (typeof given !== 'object' || !given || Array.isArray(given)))
    throw new TypeError('ReconnectingSocket: the third argument must be an object of options.')
  const { startClosed = false, ...rest }: ReconnectionOptions = given ?? {}
  for (const [name, instead] of Object.entries(elsewhere)) {
    if (name in rest) throw new TypeError(`ReconnectingSocket: the option '${name}' is not supported here: ${instead}.`)
  }
  if (typeof startClosed !== 'boolean') throw new TypeError('ReconnectingSocket: startClosed must be true or false.')
  const defaults = {
    minReconnectionDelay: 1000 + random() * 4000,
    maxReconnectionDelay: 10_000,
    reconnectionDelayGrowFactor: 1.3,
    minUptime: 5000,
    maxRetries: Infinity,
    maxEnqueuedMessages: 1000,
  }
  return { ...numbers('', rest, defaults, ['startClosed']), startClosed }
}

/** The delay before the given retry, in milliseconds; 0 for the first connect, which is number 0. */
export function delayBefore(retry: number, settings: Reconnection): number {
  const { minReconnectionDelay, maxReconnectionDelay, reconnectionDelayGrowFactor } = settings
  if (retry <= 0) return 0
  return Math.min(maxReconnectionDelay, minReconnectionDelay * reconnectionDelayGrowFactor ** (retry - 1))
}
