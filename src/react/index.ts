export type { ConnectionView } from '../frameworks/connection-view.ts'
export type { MessagesOptions } from '../frameworks/message-store.ts'
export type { RequestView } from '../frameworks/request-store.ts'
export type { PresenceView, TopicView } from '../frameworks/topic-store.ts'
export {
  type UsedRequest,
  type UsedTopic,
  useConnection,
  useMessages,
  usePresence,
  useRealtimeEvent,
  useRequest,
  useTopic,
} from './hooks.ts'
export { RealtimeProvider, type RealtimeProviderProps, useRealtime } from './provider.ts'
export { createRealtimeHooks, type RealtimeHooks } from './typed-hooks.ts'
