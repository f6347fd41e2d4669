import { type ComputedRef, computed, type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue'
import type { RequestOptions, TopicMessage, TopicOptions } from '../api/calls.ts'
import type { EventType } from '../api/events.ts'
import type { ClientEvent } from '../client/client.ts'
import { connectionStore } from '../frameworks/connection-store.ts'
import type { ConnectionView } from '../frameworks/connection-view.ts'
import { type MessagesOptions, messageStore } from '../frameworks/message-store.ts'
import { type RequestStore, type RequestView, requestStore } from '../frameworks/request-store.ts'
import type { Store } from '../frameworks/store.ts'
import { type PresenceView, presenceStore, type TopicStore, type TopicView, topicStore } from '../frameworks/topic-store.ts'
import { type FromStore, fromStore } from './from-store.ts'
import { useRealtime } from './provide.ts'
import { whileMounted } from './while-mounted.ts'

/** The name of a topic, or a ref or getter of it; `null` is none. */
export type TopicName<Name extends string = string> = MaybeRefOrGetter<Name | null>

/** Each member of an object as a ref of its own. */
export type AsRefs<View> = { readonly [Name in keyof View]: ComputedRef<View[Name]> }

/** What `useTopic` returns. */
export interface UsedTopic<Data = unknown, Out = unknown> extends AsRefs<TopicView<Data, Out>> {
  /** Publishes to the topic; resolves with the offset, and rejects if the server refuses it. */
  readonly publish: (data: Out, options?: RequestOptions) => Promise<number>
}

/** What `useRequest` returns. */
export interface UsedRequest<Reply = unknown, Out = unknown> extends AsRefs<RequestView<Reply>> {
  /** Sends a request; resolves with the reply. The promise need not be handled if the component shows `error`. */
  readonly request: (data: Out, options?: RequestOptions) => Promise<Reply>
  /** Aborts all pending requests, and clears the last reply and error. */
  readonly reset: () => void
}

/**
 * Returns what to show the user about the connection. A loss is shown once it has lasted for `delayMs`, since most are over
 * before anyone notices; while it is shown, the countdown changes once a second.
 * @param options.delayMs in milliseconds, `@defaultValue 2000`; with 0 every loss is shown at once
 */
export function useConnection({ delayMs }: { readonly delayMs?: number } = {}): AsRefs<ConnectionView> {
  const client = useRealtime()
  return refsOf(
    fromStore<null, ConnectionView, Store<ConnectionView>>(null, () => connectionStore(client, delayMs)),
    'status',
    'retryInMs',
    'diagnosis',
    'state',
  )
}

/** Subscribes to a topic for the lifetime of the scope; with `null`, to none. */
export function useTopic<Data = unknown, Out = unknown>(topic: TopicName, options: TopicOptions = {}): UsedTopic<Data, Out> {
  const client = useRealtime()
  const followed = fromStore<string | null, TopicView, TopicStore>(topic, (name) => topicStore(client, name, current(options)))
  const publish = (data: unknown, callOptions?: RequestOptions) => followed.current().publish(data, callOptions)
  return { ...refsOf(followed, 'topic', 'state', 'error'), publish } as unknown as UsedTopic<Data, Out>
}

/**
 * Returns the newest messages, newest last: those of the topic, to which it subscribes; without a topic those of the client,
 * whatever their topic. The list is the same object until a message arrives.
 */
export function useMessages<Data = unknown>(
  topic: TopicName,
  options?: MessagesOptions<TopicMessage<Data>>,
): Readonly<ShallowRef<readonly TopicMessage<Data>[]>>
export function useMessages<In = unknown>(
  topic?: undefined,
  options?: MessagesOptions<ClientEvent<'message', In>>,
): Readonly<ShallowRef<readonly ClientEvent<'message', In>[]>>
export function useMessages(topic?: TopicName, options: MessagesOptions<unknown> = {}): Readonly<ShallowRef<readonly never[]>> {
  const client = useRealtime()
  const followed = fromStore<string | null | undefined, readonly unknown[], Store<readonly unknown[]>>(topic, (name) =>
    messageStore(client, name, current(options)),
  )
  return followed.value as Readonly<ShallowRef<readonly never[]>>
}

/** Subscribes to a topic and returns its members, and whether they are known yet. */
export function usePresence<Info = unknown>(
  topic: TopicName,
  options: Pick<TopicOptions, 'params'> = {},
): AsRefs<PresenceView<Info>> {
  const client = useRealtime()
  const followed = fromStore<string | null, PresenceView, Store<PresenceView>>(topic, (name) =>
    presenceStore(client, name, current(options)),
  )
  return refsOf(followed, 'members', 'isKnown', 'error') as AsRefs<PresenceView<Info>>
}

/**
 * Sends requests and returns the state of the last one. When the scope ends, pending requests are aborted, also on
 * the server.
 */
export function useRequest<Reply = unknown, Out = unknown>(): UsedRequest<Reply, Out> {
  const client = useRealtime()
  const followed = fromStore<null, RequestView, RequestStore>(null, () => requestStore(client))
  const { request, reset } = followed.current()
  return { ...refsOf(followed, 'data', 'error', 'isPending'), request, reset } as unknown as UsedRequest<Reply, Out>
}

/** Listens to an event of the client for the lifetime of the scope. `'*'` is every event. */
export function useRealtimeEvent<Type extends EventType | '*', In = unknown>(
  type: Type,
  listener: (event: ClientEvent<Type, In>) => void,
): void {
  const client = useRealtime()
  whileMounted(() => client.on(type, (event) => listener(event as unknown as ClientEvent<Type, In>)))
}

/** The options, with a `params` that reads its refs and getters at the time of the subscription. */
function current<Options extends TopicOptions>(options: Options): Options {
  const { params } = options
  // Without `params`, a component must not replace those of another use of the topic.
  return { ...options, params: params === undefined ? undefined : () => toValue(params) }
}

function refsOf<View extends object>(followed: FromStore<unknown, View>, ...names: readonly (keyof View)[]): AsRefs<View> {
  return Object.fromEntries(names.map((name) => [name, computed(() => followed.value.value[name])])) as unknown as AsRefs<View>
}
