import type { TopicMessage, TopicOptions } from '../api/calls.ts'
import type { RealtimeClient } from '../client/client.ts'
import type { MessagesOptions } from '../frameworks/message-store.ts'
import type { PresenceView } from '../frameworks/topic-store.ts'
import { type UsedRequest, type UsedTopic, useMessages, usePresence, useRequest, useTopic } from './hooks.ts'
import { useRealtime } from './provider.ts'

/** The hooks, with the types of the messages of each topic. */
export interface RealtimeHooks<Topics extends object, Out> {
  useRealtime(): RealtimeClient<unknown, Out, Topics>
  useTopic<Name extends keyof Topics & string>(topic: Name | null, options?: TopicOptions): UsedTopic<Topics[Name], Out>
  useMessages<Name extends keyof Topics & string>(
    topic: Name | null,
    options?: MessagesOptions<TopicMessage<Topics[Name]>>,
  ): readonly TopicMessage<Topics[Name]>[]
  usePresence<Info = unknown>(topic: (keyof Topics & string) | null, options?: Pick<TopicOptions, 'params'>): PresenceView<Info>
  useRequest<Reply = unknown>(): UsedRequest<Reply, Out>
}

/**
 * Returns the same hooks, typed once for all: a map of topics to the messages published there. A key may be a pattern.
 *
 * @example
 * export const { useTopic, useMessages } = createRealtimeHooks<{ news: News; [room: `room:${string}`]: Line }>()
 */
export function createRealtimeHooks<Topics extends object, Out = unknown>(): RealtimeHooks<Topics, Out> {
  return { useRealtime, useTopic, useMessages, usePresence, useRequest } as RealtimeHooks<Topics, Out>
}
