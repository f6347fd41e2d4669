import type { CoreOptions, RealtimeOptions, Sendable } from './api/options.ts'
import type { Payload } from './api/protocol.ts'
import { type CodecWhereNeeded, RealtimeClient as CoreClient } from './client/client.ts'
import { withDefaults } from './client/defaults.ts'

export type { RealtimeOptions } from './api/options.ts'
export { json } from './client/json.ts'
export { StopConnecting } from './connection/stop-connecting.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'
export type * from './public-types.ts'

/**
 * A realtime connection that uses the best transport that works, reconnects, and explains failures. Without options it has all
 * four transports and the diagnosis.
 *
 * It connects automatically, in a microtask after construction, so a client that is closed in the same task never dials.
 *
 * @example
 * const client = new RealtimeClient('/realtime')
 * client.addEventListener('message', (event) => console.log(event.data))
 * client.send('hello')
 */
export class RealtimeClient<In = Payload, Out = Sendable, Topics = object> extends CoreClient<In, Out, Topics> {
  /**
   * @param url the server's URL: http(s) or ws(s), which mean the same here, or relative to the page
   * @throws TypeError for an invalid option; the message names it and says what to write instead
   */
  constructor(url: string | URL, options: RealtimeOptions<In, Out> & CodecWhereNeeded<In, Out>)
  constructor(url: string | URL, ...none: [Payload, Out] extends [In, Sendable] ? [] : [options: never])
  constructor(url: string | URL, options: RealtimeOptions<In, Out> = {}) {
    super(url, withDefaults(options) as CoreOptions<In, Out> & CodecWhereNeeded<In, Out>)
  }
}
