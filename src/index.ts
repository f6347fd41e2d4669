import type { CoreOptions, RealtimeOptions, Sendable } from './api/options.ts'
import type { Payload } from './api/protocol.ts'
import { type CodecWhereNeeded, RealtimeClient as CoreClient } from './client/client.ts'
import { withDefaults } from './client/defaults.ts'

export type { Diagnostics, FailedAttempt, Prober, ProberContext } from './api/diagnostics.ts'
export type { ClientState, EventDetails, EventType, Retry } from './api/events.ts'
export type { Circumstances, Evidence, Finding, FollowUp, Ledger, Outcome, Report } from './api/evidence.ts'
export type { Engine, Host, PageSignal, Violation, WebSocketLike } from './api/host.ts'
export type { Unsent } from './api/message-sender.ts'
export type {
  BuiltInTransport,
  Codec,
  Heartbeat,
  OutboxLimits,
  Preparation,
  PrepareAttempt,
  RealtimeOptions,
  RetrySchedule,
  Sendable,
  SessionProtocol,
  TransportContext,
  TransportName,
  TransportSettings,
} from './api/options.ts'
export type { Answer, Ask, Payload, Protocol, Question, Received } from './api/protocol.ts'
export type { Call, Delivery, FetchCredentials, Link, Listener, Transport, Writable } from './api/transport.ts'
export type { ClientEvent as RealtimeEvent, ClientListener as EventListener, CodecWhereNeeded } from './client/client.ts'
export type { ListenOptions } from './client/emitter.ts'
export { json } from './client/json.ts'
export type { MessageIterator } from './client/message-iterator.ts'
export type { AttemptReport } from './connection/attempt-log.ts'
export type { RetryContext, RetryPolicy } from './connection/machine/backoff.ts'
export { StopConnecting } from './connection/stop-connecting.ts'
export type { NamedCause, OwnCause } from './diagnosis/causes.ts'
export type { CauseName, Diagnosis, OwnCauses } from './diagnosis/diagnose.ts'
export type { Hint, Verdict } from './diagnosis/verdicts.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'

/**
 * A realtime connection that holds: it takes the best transport that works here and now, reconnects, and says why it broke. Without
 * options it has all four transports, by their names, and the diagnosis.
 *
 * It connects by itself, in a microtask after construction, so a client that is closed in the same task never dials.
 *
 * @example
 * const client = new RealtimeClient('/realtime')
 * client.addEventListener('message', (event) => console.log(event.data))
 * client.send('hello')
 */
export class RealtimeClient<In = Payload, Out = Sendable> extends CoreClient<In, Out> {
  /**
   * @param url where the server is: http(s) or ws(s), which mean the same here, or relative to the page
   * @throws TypeError for an option that is not what it may be; the message names it, and says what to write instead
   */
  constructor(url: string | URL, options: RealtimeOptions<In, Out> & CodecWhereNeeded<In, Out>)
  constructor(url: string | URL, ...none: [Payload, Out] extends [In, Sendable] ? [] : [options: never])
  constructor(url: string | URL, options: RealtimeOptions<In, Out> = {}) {
    super(url, withDefaults(options) as CoreOptions<In, Out> & CodecWhereNeeded<In, Out>)
  }
}
