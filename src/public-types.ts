/** The types that both `steadfast` and `steadfast/core` export. */
export type {
  Flushed,
  RefusedMessage,
  RequestOptions,
  ServerRequest,
  Since,
  Topic,
  TopicEvent,
  TopicEventDetails,
  TopicMember,
  TopicMessage,
  TopicOptions,
  TopicPresence,
  TopicState,
} from './api/calls.ts'
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
  RetrySchedule,
  Sendable,
  SessionProtocol,
  SockjsProtocol,
  TransportContext,
  TransportName,
  TransportSettings,
} from './api/options.ts'
export type { Answer, Ask, Dialect, Gap, Moved, Payload, Protocol, Question, Received } from './api/protocol.ts'
export type { Call, Delivery, FetchCredentials, Link, Listener, Transport, Writable } from './api/transport.ts'
export type { ClientEvent as RealtimeEvent, ClientListener as EventListener, CodecWhereNeeded } from './client/client.ts'
export type { ListenOptions } from './client/emitter.ts'
export type { MessageIterator } from './client/message-iterator.ts'
export type { AttemptReport } from './connection/attempt-log.ts'
export type { RetryContext, RetryPolicy } from './connection/machine/backoff.ts'
export type { NamedCause, OwnCause } from './diagnosis/causes.ts'
export type { CauseName, Diagnosis, OwnCauses } from './diagnosis/diagnose.ts'
export type { Hint, Verdict } from './diagnosis/verdicts.ts'
