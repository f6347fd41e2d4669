export type { TrustProxyOption } from './client-address.ts'
export type { Handlers, Message } from './handlers.ts'
export type { ServerHost } from './host.ts'
export type { Limits } from './limits.ts'
export { type MemoryLimits, type MemoryStore, memoryStore } from './memory-store.ts'
export type { RealtimeServerOptions } from './options.ts'
export type { OriginFunction, OriginsOption } from './origin.ts'
export type {
  Ending,
  Payload,
  PrivateAppend,
  PrivateEntry,
  Reading,
  ReadLimits,
  SessionRecord,
  SessionStore,
  Stored,
  Subscription,
  TopicLog,
  Versioned,
} from './ports.ts'
export { RealtimeServer, type ServerCodecWhereNeeded } from './server.ts'
export type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session.ts'
