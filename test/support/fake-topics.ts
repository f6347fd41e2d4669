import type { RequestOptions, Topic, TopicMember, TopicMessage, TopicOptions } from '../../src/api/calls.ts'
import type { AnyClient } from '../../src/frameworks/store.ts'

/** A subscription made by a component, with the events that the test raises on it. */
export interface FakeTopic {
  readonly name: string
  readonly options: TopicOptions
  readonly published: readonly unknown[]
  isOver: boolean
  become(state: Topic['state'], error?: Topic['error']): void
  /** The topic has an error, and its state stays. */
  fail(error: Topic['error']): void
  deliver(...data: readonly unknown[]): void
  members(...members: readonly TopicMember[]): void
  /** The server does not report the members. */
  hide(reason: Topic['error']): void
}

export interface FakeRequest {
  readonly data: unknown
  readonly signal: AbortSignal
  resolve(reply: unknown): void
  reject(error: Error): void
}

/** Replaces a client's topics and requests by fakes that the test answers. */
export function withFakeTopics(client: object) {
  const topics: FakeTopic[] = []
  const requests: FakeRequest[] = []
  let offset = 0
  const subscribe = (name: string, options: TopicOptions = {}): Topic => {
    const listeners = new Map<string, Set<(event: never) => void>>()
    const on = (type: string, listener: (event: never) => void) => {
      const those = listeners.get(type) ?? new Set()
      listeners.set(type, those.add(listener))
      return () => void those.delete(listener)
    }
    const emit = (type: string, event: unknown) => {
      for (const each of [...(listeners.get(type) ?? [])]) each(event as never)
    }
    let [state, error]: [Topic['state'], Topic['error']] = ['subscribing', null]
    let members: readonly TopicMember[] = []
    let isKnown = false
    let unseen: Topic['error'] = null
    const published: unknown[] = []
    const fake: FakeTopic = {
      name,
      options,
      published,
      isOver: false,
      become(next, reason = null) {
        ;[state, error] = [next, reason]
        emit('state', {})
      },
      fail(reason) {
        error = reason
        emit('error', {})
      },
      deliver(...data) {
        for (const each of data)
          emit('message', {
            type: 'message',
            id: `e.${++offset}`,
            data: each,
            offset,
            topic: name,
          } satisfies TopicMessage<unknown>)
      },
      members(...next) {
        members = next
        isKnown = true
        emit('change', {})
      },
      hide(reason) {
        unseen = reason
        emit('change', {})
      },
    }
    topics.push(fake)
    return {
      async *[Symbol.asyncIterator]() {},
      name,
      on,
      get state() {
        return state
      },
      get error() {
        return error
      },
      async publish(data) {
        if (fake.isOver) throw new Error('the subscription is over')
        return published.push(data)
      },
      presence: {
        get members() {
          return members
        },
        get isKnown() {
          return isKnown
        },
        get error() {
          return unseen
        },
        on,
      },
      unsubscribe() {
        fake.isOver = true
      },
    }
  }
  const request = (data: unknown, { signal }: RequestOptions = {}) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
      requests.push({ data, signal: signal ?? new AbortController().signal, resolve, reject })
    })
  return { client: Object.assign(client, { subscribe, request }) as unknown as AnyClient, topics, requests }
}
