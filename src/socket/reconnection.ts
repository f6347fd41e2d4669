import { numbers } from '../util/check-options.ts'

/** Options of one reconnecting socket, named as in `reconnecting-websocket`. */
export interface ReconnectionOptions {
  /** The first delay, in milliseconds. @defaultValue a random one from 1,000 to 5,000 */
  readonly minReconnectionDelay?: number
  /** The longest delay, in milliseconds. @defaultValue 10,000 */
  readonly maxReconnectionDelay?: number
  /** By what the delay grows from one retry to the next. @defaultValue 1.3 */
  readonly reconnectionDelayGrowFactor?: number
  /** How long a connection has to last until `retryCount` is 0 again, in milliseconds. @defaultValue 5,000 */
  readonly minUptime?: number
  /** How often it tries again without having been open for `minUptime`. @defaultValue Infinity */
  readonly maxRetries?: number
  /** How many messages wait while it is not open; `send()` throws a `RangeError` beyond that. @defaultValue 1,000 */
  readonly maxEnqueuedMessages?: number
  /** Connects with `reconnect()` only. @defaultValue false */
  readonly startClosed?: boolean
}

export type Reconnection = Required<Omit<ReconnectionOptions, 'minReconnectionDelay'>> & {
  readonly minReconnectionDelay: number
}

/** Options of `reconnecting-websocket` and `partysocket` that have another place here. */
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
    if (name in rest) throw new TypeError(`ReconnectingSocket: the option '${name}' has no place here: ${instead}.`)
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

/** How long to wait before the retry of that number, in milliseconds; the first connect, number 0, waits for nothing. */
export function delayBefore(retry: number, settings: Reconnection): number {
  const { minReconnectionDelay, maxReconnectionDelay, reconnectionDelayGrowFactor } = settings
  if (retry <= 0) return 0
  return Math.min(maxReconnectionDelay, minReconnectionDelay * reconnectionDelayGrowFactor ** (retry - 1))
}
