import type { TransportName } from '../api/options.ts'

/** The built-in transports, in the order in which a client tries them unless its options say otherwise. */
export const transportNames: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
