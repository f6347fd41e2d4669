/** `steadfast/core`: the client, and the built-in transports one by one. Nothing is in it that the application does not name. */

export type { Diagnostics, FailedAttempt, Prober, ProberContext } from './api/diagnostics.ts'
export type { ClientState, EventDetails, EventType, Retry } from './api/events.ts'
export type { Circumstances, Evidence, Finding, FollowUp, Ledger, Outcome, Report } from './api/evidence.ts'
export type { Engine, Host, PageSignal, Violation, WebSocketLike } from './api/host.ts'
export type { Unsent } from './api/message-sender.ts'
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
} from './api/options.ts'
export type { Answer, Ask, Payload, Protocol, Question, Received } from './api/protocol.ts'
export type { Call, Delivery, FetchCredentials, Link, Listener, Transport, Writable } from './api/transport.ts'
export type { ClientEvent as RealtimeEvent, ClientListener as EventListener, CodecWhereNeeded } from './client/client.ts'
export { RealtimeClient } from './client/client.ts'
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
export { longPoll, poll, sse, webSocket } from './transports/built-in.ts'
