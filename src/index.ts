export {
  type ClientEvent as RealtimeEvent,
  type ClientListener as EventListener,
  type CodecWhereNeeded,
  RealtimeClient,
} from './client.ts'
export { json } from './codec.ts'
export type { RetryContext, RetryPolicy } from './connection/backoff.ts'
export type { Hint, NamedCause, OwnCause, Verdict } from './diagnosis/causes.ts'
export type { CauseName, Diagnosis, OwnCauses } from './diagnosis/diagnose.ts'
export type { Circumstances, Evidence, Finding, FollowUp, Ledger, Outcome, Report } from './diagnosis/evidence.ts'
export type { ListenOptions } from './emitter.ts'
export type { ClientState, EventDetails, EventType, Retry } from './events.ts'
export type { Unsent } from './farewell.ts'
export type { Engine, Host, PageSignal, Violation, WebSocketLike } from './host/host.ts'
export type { AttemptReport } from './log.ts'
export type { MessageIterator } from './messages.ts'
export type {
  Codec,
  Heartbeat,
  OutboxLimits,
  Preparation,
  PrepareAttempt,
  RealtimeOptions,
  RetrySchedule,
  Sendable,
  SessionProtocol,
  TransportName,
  TransportSettings,
} from './options.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'
export type { Answer, Ask, Payload, Protocol, Question, Received } from './protocols/protocol.ts'
export { StopConnecting } from './stop-connecting.ts'
export type { Call, Delivery, FetchCredentials, Link, Listener, Transport, Writable } from './transports/transport.ts'
