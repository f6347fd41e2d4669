import type { BuiltInTransport, RealtimeOptions, TransportName } from '../api/options.ts'
import { diagnosis } from '../diagnosis/index.ts'
import { longPoll, poll, sse, webSocket } from '../transports/built-in.ts'
import { transportNames } from '../transports/names.ts'
import { oneOf } from '../util/check-options.ts'

const builtIn: Readonly<Record<TransportName, (options?: object) => BuiltInTransport>> = {
  websocket: webSocket,
  sse,
  'long-poll': longPoll,
  poll,
}

/** Resolves the transports that are given by name; all four by default. @throws TypeError for an unknown name */
function namedTransports(transports: RealtimeOptions['transports'] = transportNames): RealtimeOptions['transports'] {
  // A value that is not an array is rejected later, with all other options.
  return Array.isArray(transports) ? transports.map(transportOf) : transports
}

function transportOf(entry: NonNullable<RealtimeOptions['transports']>[number], index: number) {
  if (typeof entry === 'object' && entry && ('dial' in entry || 'create' in entry)) return entry
  const { type, ...options } = typeof entry === 'string' ? { type: entry } : (entry ?? { type: entry })
  return builtIn[oneOf(`transports[${index}]`, type, transportNames)](options)
}

/** Adds the defaults of `steadfast` to the options. The client of core rejects options that are not an object. */
export function withDefaults<Options extends Pick<RealtimeOptions, 'transports' | 'diagnosis'>>(options: Options): Options {
  const isObject = typeof options === 'object' && options && !Array.isArray(options)
  return isObject ? { diagnosis, ...options, transports: namedTransports(options.transports) } : options
}
