export type { TrustProxyOption } from './adapters/client-address.ts'
export type { OriginFunction, OriginsOption } from './adapters/origin-patterns.ts'
export type { Handlers, Message } from './handlers.ts'
export type { Limits } from './limits.ts'
export type { ServerHost } from './node/host.ts'
export type { RealtimeServerOptions } from './options.ts'
export { RealtimeServer, type ServerCodecWhereNeeded } from './server.ts'
export type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session/session-handle.ts'
export { type MemoryLimits, type MemoryStore, memoryStore } from './store/memory/memory-store.ts'
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
} from './store/ports.ts'
