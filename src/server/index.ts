export { RequestError, type RequestErrorCode } from '../wire/request-error.ts'
export type { TrustProxyOption } from './adapters/client-address.ts'
export type { OriginFunction, OriginsOption } from './adapters/origin-patterns.ts'
export type { SessionRequestOptions } from './calls/client-requests.ts'
export type { AllowedPublication, AllowedTopic, Handlers, Message, RequestMessage } from './handlers.ts'
export type { Limits } from './limits.ts'
export type { AttachedBy, HandlerRuns, Refused } from './metrics/meters.ts'
export { type MetricFamily, metricFamilies, prometheusText } from './metrics/metric-families.ts'
export type { ServerMetrics } from './metrics/server-metrics.ts'
export type { StoreCalls } from './metrics/store-meters.ts'
export type { ServerHost } from './node/host.ts'
export type { ServerHealth } from './node/node.ts'
export type { PublishOptions } from './node/publish-options.ts'
export type { RealtimeServerOptions } from './options.ts'
export type { Member, PresenceMessage } from './presence/members.ts'
export { RealtimeServer, type ServerCodecWhereNeeded } from './server.ts'
export type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session/session-handle.ts'
export type { Since, SubscribeOptions } from './session/subscribe.ts'
export type { SessionAnswer, SessionOffer, SessionRefusal } from './session-offer.ts'
export { type MemoryLimits, type MemoryStore, memoryStore } from './store/memory/memory-store.ts'
export type {
  Answer,
  AppendOptions,
  Ending,
  Payload,
  Position,
  PrivateAppend,
  PrivateEntry,
  Reading,
  ReadLimits,
  SessionNews,
  SessionRecord,
  SessionState,
  SessionStore,
  Stored,
  Subscription,
  TopicLog,
  TopicNews,
  Versioned,
  Watch,
} from './store/ports.ts'
export { StoreUnavailableError } from './store/store-health.ts'
export type { TopicKeep } from './topic-keep.ts'
