import type { RequestOptions, Topic, TopicMember, TopicOptions, TopicState } from '../api/calls.ts'
import type { RequestError } from '../wire/request-error.ts'
import { type AnyClient, type Store, shared } from './store.ts'

/** What a component knows of a topic. */
export interface TopicView<Data = unknown, Out = unknown> {
  /** The subscription, for its events; `null` until the component is mounted. */
  readonly topic: Topic<Data, Out> | null
  /** `idle`: no topic is named. */
  readonly state: TopicState | 'idle'
  /** Why it is refused or has ended. */
  readonly error: RequestError | null
}

/** Who is subscribed to a topic, as a component knows it. */
export interface PresenceView<Info = unknown> {
  /** Another list whenever somebody comes or goes. */
  readonly members: readonly TopicMember<Info>[]
  /** Whether the server has said who they are. */
  readonly isKnown: boolean
  /** Why the server does not say it, or why the topic is refused. */
  readonly error: RequestError | null
}

export interface TopicStore extends Store<TopicView> {
  /** Publishes, also before the component is mounted; resolves with the offset. */
  publish(data: unknown, options?: RequestOptions): Promise<number>
}

/**
 * The `subscribe` of a store that follows a topic: the topic is subscribed to for as long as somebody subscribes to the store. Without
 * a name there is nothing to follow. The options are read when the subscription is made.
 */
export function following(
  client: AnyClient,
  name: string | null,
  options: TopicOptions,
  follow: (topic: Topic, changed: () => void) => () => void,
): Store<unknown>['subscribe'] {
  return shared((changed) => {
    if (name === null) return () => {}
    const { params, since } = options
    const topic = client.subscribe(name, { params, since })
    const stop = follow(topic, changed)
    return () => {
      stop()
      topic.unsubscribe()
    }
  })
}

/** What is known of a topic that a store follows, at each change of its state, and of what else it listens to; `first` where it follows none. */
function topicView<View>(
  client: AnyClient,
  name: string | null,
  options: TopicOptions,
  first: View,
  read: (topic: Topic) => View,
  listen?: (topic: Topic, changed: () => void) => () => void,
): Store<View> {
  let view = first
  return {
    get: () => view,
    initial: () => first,
    subscribe: following(client, name, options, (topic, changed) => {
      const look = () => {
        view = read(topic)
        changed()
      }
      const stop = topic.on('state', look)
      const stopMore = listen?.(topic, look)
      look()
      return () => {
        stop()
        stopMore?.()
        view = first
      }
    }),
  }
}

/** A subscription, and how to publish. */
export function topicStore(client: AnyClient, name: string | null, options: TopicOptions): TopicStore {
  const store = topicView<TopicView>(
    client,
    name,
    options,
    { topic: null, state: name === null ? 'idle' : 'subscribing', error: null },
    (topic) => ({ topic, state: topic.state, error: topic.error }),
  )
  return {
    ...store,
    async publish(data, options) {
      const release = store.subscribe(() => {})
      try {
        const { topic } = store.get()
        if (!topic) throw new TypeError('useTopic(): there is no topic to publish to.')
        return await topic.publish(data, options)
      } finally {
        release()
      }
    },
  }
}

const nobody: PresenceView = { members: [], isKnown: false, error: null }

/** Who is subscribed to a topic. */
export function presenceStore(client: AnyClient, name: string | null, options: TopicOptions): Store<PresenceView> {
  return topicView(
    client,
    name,
    options,
    nobody,
    ({ error, presence }) => ({ members: presence.members, isKnown: presence.isKnown, error: error ?? presence.error }),
    ({ presence }, changed) => presence.on('change', changed),
  )
}
