/** `steadfast/core`: the client, and the built-in transports one by one. Nothing is in it that the application does not name. */

export type { ClientEvent as RealtimeEvent, ClientListener as EventListener, CodecWhereNeeded } from './client.ts'
export { RealtimeClient } from './client.ts'
export { json } from './codec.ts'
export type { RetryContext, RetryPolicy } from './connection/backoff.ts'
export type { NamedCause, OwnCause } from './diagnosis/causes.ts'
export type { CauseName, Diagnosis, OwnCauses } from './diagnosis/diagnose.ts'
export type { Circumstances, Evidence, Finding, FollowUp, Ledger, Outcome, Report } from './diagnosis/evidence.ts'
export type { Hint, Verdict } from './diagnosis/verdicts.ts'
export type { Diagnostics, FailedAttempt, Prober, ProberContext } from './diagnostics.ts'
export type { ListenOptions } from './emitter.ts'
export type { ClientState, EventDetails, EventType, Retry } from './events.ts'
export type { Unsent } from './farewell.ts'
export type { Engine, Host, PageSignal, Violation, WebSocketLike } from './host/host.ts'
export type { AttemptReport } from './log.ts'
export type { MessageIterator } from './messages.ts'
export type {
  BuiltInTransport,
  Codec,
  CoreOptions as RealtimeOptions,
  Heartbeat,
  OutboxLimits,
  Preparation,
  PrepareAttempt,
  RetrySchedule,
  Sendable,
  SessionProtocol,
  TransportContext,
  TransportName,
  TransportOptions,
  TransportSettings,
} from './options.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'
export type { Answer, Ask, Payload, Protocol, Question, Received } from './protocols/protocol.ts'
export { StopConnecting } from './stop-connecting.ts'
export { longPoll, poll, sse, webSocket } from './transports/built-in.ts'
export type { Call, Delivery, FetchCredentials, Link, Listener, Transport, Writable } from './transports/transport.ts'
