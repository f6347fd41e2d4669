import { useEffect } from 'react'
import type { RequestOptions, TopicMessage, TopicOptions } from '../api/calls.ts'
import type { EventType } from '../api/events.ts'
import type { ClientEvent } from '../client/client.ts'
import { connectionStore } from '../frameworks/connection-store.ts'
import type { ConnectionView } from '../frameworks/connection-view.ts'
import { type MessagesOptions, messageStore } from '../frameworks/message-store.ts'
import { type RequestView, requestStore } from '../frameworks/request-store.ts'
import type { AnyClient } from '../frameworks/store.ts'
import { type PresenceView, presenceStore, type TopicView, topicStore } from '../frameworks/topic-store.ts'
import { useHeld, useLatest, useStore } from './held.ts'
import { useRealtime } from './provider.ts'

/** What `useTopic` returns. */
export interface UsedTopic<Data = unknown, Out = unknown> extends TopicView<Data, Out> {
  /** Publishes to the topic; resolves with the offset, and rejects if the server refuses it. */
  readonly publish: (data: Out, options?: RequestOptions) => Promise<number>
}

/** What `useRequest` returns. */
export interface UsedRequest<Reply = unknown, Out = unknown> extends RequestView<Reply> {
  /** Sends a request; resolves with the reply. The promise need not be handled if the component shows `error`. */
  readonly request: (data: Out, options?: RequestOptions) => Promise<Reply>
  /** Aborts all pending requests, and clears the last reply and error. */
  readonly reset: () => void
}

/**
 * A store that is kept while the client, the topic, `since` and `max` are the same. Its `params` are those of the newest render:
 * another object does not subscribe again.
 */
function useTopical<Held>(
  topic: string | null | undefined,
  options: MessagesOptions<unknown>,
  make: (client: AnyClient, options: MessagesOptions<unknown>) => Held,
): Held {
  const client = useRealtime()
  const latest = useLatest(options.params)
  // Without `params`, a component must not replace those of another use of the topic.
  const params =
    options.params === undefined ? undefined : () => (typeof latest.current === 'function' ? latest.current() : latest.current)
  return useHeld([client, topic, options.max, JSON.stringify(options.since)], () => make(client, { ...options, params }))
}

/**
 * Returns what to show the user about the connection. A loss is shown once it has lasted for `delayMs`, since most are over
 * before anyone notices; while it is shown, the component renders once a second for the countdown.
 * @param options.delayMs in milliseconds, `@defaultValue 2000`; with 0 every loss is shown at once
 */
export function useConnection({ delayMs }: { readonly delayMs?: number } = {}): ConnectionView {
  const client = useRealtime()
  return useStore(useHeld([client, delayMs], () => connectionStore(client, delayMs)))
}

/** Subscribes to a topic while the component is mounted; with `null`, to none. */
export function useTopic<Data = unknown, Out = unknown>(topic: string | null, options: TopicOptions = {}): UsedTopic<Data, Out> {
  const store = useTopical(topic, options, (client, held) => topicStore(client, topic, held))
  return { ...(useStore(store) as TopicView<Data, Out>), publish: store.publish }
}

/**
 * Returns the newest messages, newest last: those of the topic, to which it subscribes; without a topic those of the client,
 * whatever their topic. The list is the same object until a message arrives.
 */
export function useMessages<Data = unknown>(
  topic: string | null,
  options?: MessagesOptions<TopicMessage<Data>>,
): readonly TopicMessage<Data>[]
export function useMessages<In = unknown>(
  topic?: undefined,
  options?: MessagesOptions<ClientEvent<'message', In>>,
): readonly ClientEvent<'message', In>[]
export function useMessages(topic?: string | null, options: MessagesOptions<unknown> = {}): readonly never[] {
  return useStore(useTopical(topic, options, (client, held) => messageStore(client, topic, held))) as readonly never[]
}

/** Subscribes to a topic and returns its members, and whether they are known yet. */
export function usePresence<Info = unknown>(
  topic: string | null,
  options: Pick<TopicOptions, 'params'> = {},
): PresenceView<Info> {
  return useStore(useTopical(topic, options, (client, held) => presenceStore(client, topic, held))) as PresenceView<Info>
}

/**
 * Sends requests and returns the state of the last one. When the component is unmounted, pending requests are aborted,
 * also on the server.
 */
export function useRequest<Reply = unknown, Out = unknown>(): UsedRequest<Reply, Out> {
  const client = useRealtime()
  const store = useHeld([client], () => requestStore(client))
  const { request, reset } = store
  return { ...useStore(store), request, reset } as UsedRequest<Reply, Out>
}

/** Listens to an event of the client; the listener of the newest render is called. `'*'` is every event. */
export function useRealtimeEvent<Type extends EventType | '*', In = unknown>(
  type: Type,
  listener: (event: ClientEvent<Type, In>) => void,
): void {
  const client = useRealtime()
  const latest = useLatest(listener)
  useEffect(() => client.on(type, (event) => latest.current(event as unknown as ClientEvent<Type, In>)), [client, type, latest])
}
