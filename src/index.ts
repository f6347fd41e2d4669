export { RealtimeClient, type Sendable } from './client.ts'
export { json } from './codec.ts'
export type { RetryContext, RetryPolicy } from './connection/backoff.ts'
export type { Hint, OwnCause, Verdict } from './diagnosis/causes.ts'
export type { Diagnosis, OwnCauses } from './diagnosis/diagnose.ts'
export type { Circumstances, Evidence, Finding, FollowUp, Ledger, Outcome, Report } from './diagnosis/evidence.ts'
export type { ClientState, EventDetails, EventListener, EventType, RealtimeEvent, Retry } from './events.ts'
export type { Unsent } from './farewell.ts'
export type { Engine, Host, PageSignal, Violation, WebSocketLike } from './host/host.ts'
export type { AttemptReport } from './log.ts'
export type {
  Codec,
  Heartbeat,
  OutboxLimits,
  Preparation,
  PrepareAttempt,
  RealtimeOptions,
  RetrySchedule,
  TransportName,
  TransportSettings,
} from './options.ts'
export { type PlainSettings, plain } from './protocols/plain.ts'
export type { Answer, Ask, Payload, Protocol, Question, Received } from './protocols/protocol.ts'
export type { Call, Delivery, Link, Listener, Transport, Writable } from './transports/transport.ts'
