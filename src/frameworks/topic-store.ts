import type { RequestOptions, Topic, TopicMember, TopicOptions, TopicState } from '../api/calls.ts'
import type { RequestError } from '../wire/request-error.ts'
import { type AnyClient, type Store, shared } from './store.ts'

/** The state of a topic, as a component sees it. */
export interface TopicView<Data = unknown, Out = unknown> {
  /** The subscription, for its events; `null` until the component is mounted. */
  readonly topic: Topic<Data, Out> | null
  /** `idle`: no topic was given. */
  readonly state: TopicState | 'idle'
  /** Why the server refused the subscription or ended it, or why `params()` has failed, which is called again. */
  readonly error: RequestError | null
}

/** The members of a topic, as a component sees them. */
export interface PresenceView<Info = unknown> {
  /** The list is replaced whenever a member joins or leaves. */
  readonly members: readonly TopicMember<Info>[]
  /** Whether the server has sent the members. */
  readonly isKnown: boolean
  /** Why the server does not send the members, or why it refused the subscription. */
  readonly error: RequestError | null
}

export interface TopicStore extends Store<TopicView> {
  /** Publishes, also before the component is mounted; resolves with the offset of the publication, and rejects if it is refused. */
  publish(data: unknown, options?: RequestOptions): Promise<number>
}

/**
 * The `subscribe` of a store that follows a topic: it subscribes to the topic for as long as the store has a subscriber; without
 * a name it does nothing. The options are read at the time of the subscription.
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

/** A store whose view `read` makes of a topic, at each change of its state or error and each one that `listen` reports; else `first`. */
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
      const stops = [topic.on('state', look), topic.on('error', look), listen?.(topic, look)]
      look()
      return () => {
        for (const stop of stops) stop?.()
        view = first
      }
    }),
  }
}

/** The state of a subscription, and `publish()`. */
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
        if (!topic) throw new TypeError('useTopic(): there is no topic.')
        return await topic.publish(data, options)
      } finally {
        release()
      }
    },
  }
}

const nobody: PresenceView = { members: [], isKnown: false, error: null }

/** The members of a topic. */
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
