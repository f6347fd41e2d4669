/** `steadfast/core`: the client and the four transports as separate functions, so that a bundle contains only those in use. */

export type { CoreOptions as RealtimeOptions, TransportOptions } from './api/options.ts'
export { RealtimeClient } from './client/client.ts'
export { json } from './client/json.ts'
export { StopConnecting } from './connection/stop-connecting.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'
export type * from './public-types.ts'
export { longPoll, poll, sse, webSocket } from './transports/built-in.ts'
