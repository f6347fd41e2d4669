import type { RequestOptions, Since, Topic, TopicMember, TopicOptions, TopicState } from '../api/calls.ts'
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

export interface TopicStore extends Store<TopicView> {
  /** Publishes, also before the component is mounted; resolves with the offset. */
  publish(data: unknown, options?: RequestOptions): Promise<number>
}

/**
 * The `subscribe` of a store that follows a topic: the topic is subscribed to for as long as somebody subscribes to the store. Without
 * a name there is nothing to follow. `since` is asked when the subscription is made.
 */
export function following(
  client: AnyClient,
  name: string | null,
  params: unknown,
  since: () => Since | undefined,
  follow: (topic: Topic, changed: () => void) => () => void,
): Store<unknown>['subscribe'] {
  return shared((changed) => {
    if (name === null) return () => {}
    const topic = client.subscribe(name, { params, since: since() })
    const stop = follow(topic, changed)
    return () => {
      stop()
      topic.unsubscribe()
    }
  })
}

/** A subscription, and how to publish. */
export function topicStore(client: AnyClient, name: string | null, { since, params }: TopicOptions): TopicStore {
  const first: TopicView = { topic: null, state: name === null ? 'idle' : 'subscribing', error: null }
  let view = first
  const subscribe = following(
    client,
    name,
    params,
    () => since,
    (topic, changed) => {
      const look = () => {
        view = { topic, state: topic.state, error: topic.error }
        changed()
      }
      const stop = topic.on('state', look)
      look()
      return () => {
        stop()
        view = first
      }
    },
  )
  return {
    get: () => view,
    initial: () => first,
    subscribe,
    async publish(data, options) {
      const release = subscribe(() => {})
      try {
        if (!view.topic) throw new TypeError('useTopic(): there is no topic to publish to.')
        return await view.topic.publish(data, options)
      } finally {
        release()
      }
    },
  }
}

/** Nobody, as one list. */
const nobody: readonly TopicMember[] = []

/** Who is subscribed to a topic. */
export function presenceStore(client: AnyClient, name: string | null, params: unknown): Store<readonly TopicMember[]> {
  let members = nobody
  return {
    get: () => members,
    initial: () => nobody,
    subscribe: following(
      client,
      name,
      params,
      () => undefined,
      ({ presence }, changed) => {
        const look = () => {
          members = presence.members
          changed()
        }
        const stop = presence.on('change', look)
        look()
        return () => {
          stop()
          members = nobody
        }
      },
    ),
  }
}
