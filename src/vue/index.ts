export type { ConnectionView } from '../frameworks/connection-view.ts'
export type { MessagesOptions } from '../frameworks/message-store.ts'
export type { RequestView } from '../frameworks/request-store.ts'
export type { PresenceView, TopicView } from '../frameworks/topic-store.ts'
export {
  type AsRefs,
  type TopicName,
  type UsedRequest,
  type UsedTopic,
  useConnection,
  useMessages,
  usePresence,
  useRealtimeEvent,
  useRequest,
  useTopic,
} from './composables.ts'
export { provideRealtime, realtimeKey, useRealtime } from './provide.ts'
export { createRealtimeComposables, type RealtimeComposables } from './typed-composables.ts'
