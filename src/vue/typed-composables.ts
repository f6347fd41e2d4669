import type { ShallowRef } from 'vue'
import type { TopicMessage, TopicOptions } from '../api/calls.ts'
import type { RealtimeClient } from '../client/client.ts'
import type { MessagesOptions } from '../frameworks/message-store.ts'
import type { PresenceView } from '../frameworks/topic-store.ts'
import {
  type AsRefs,
  type TopicName,
  type UsedRequest,
  type UsedTopic,
  useMessages,
  usePresence,
  useRequest,
  useTopic,
} from './composables.ts'
import { useRealtime } from './provide.ts'

/** The composables, with the types of the messages of each topic. */
export interface RealtimeComposables<Topics extends object, Out> {
  useRealtime(): RealtimeClient<unknown, Out, Topics>
  useTopic<Name extends keyof Topics & string>(topic: TopicName<Name>, options?: TopicOptions): UsedTopic<Topics[Name], Out>
  useMessages<Name extends keyof Topics & string>(
    topic: TopicName<Name>,
    options?: MessagesOptions<TopicMessage<Topics[Name]>>,
  ): Readonly<ShallowRef<readonly TopicMessage<Topics[Name]>[]>>
  usePresence<Info = unknown>(
    topic: TopicName<keyof Topics & string>,
    options?: Pick<TopicOptions, 'params'>,
  ): AsRefs<PresenceView<Info>>
  useRequest<Reply = unknown>(): UsedRequest<Reply, Out>
}

/**
 * Returns the same composables, typed once for all: a map of topics to the messages published there. A key may be a pattern.
 *
 * @example
 * export const { useTopic, useMessages } = createRealtimeComposables<{ news: News; [room: `room:${string}`]: Line }>()
 */
export function createRealtimeComposables<Topics extends object, Out = unknown>(): RealtimeComposables<Topics, Out> {
  return { useRealtime, useTopic, useMessages, usePresence, useRequest } as RealtimeComposables<Topics, Out>
}
