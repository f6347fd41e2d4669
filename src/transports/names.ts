import type { TransportName } from '../api/options.ts'

/** The built-in transports, in the default order of the option `transports`. */
export const transportNames: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
