import type { RealtimeClient } from '../client/client.ts'

/** A client of any types of messages. */
export type AnyClient = RealtimeClient<unknown, unknown>

/** What a component reads: a value that is the same object until it changes, as `useSyncExternalStore` requires. */
export interface Store<Value> {
  /** The current value. */
  get(): Value
  /** The value for server rendering, with which hydration begins. */
  initial(): Value
  /** Calls `changed` after each change, until the returned function is called. */
  subscribe(changed: () => void): () => void
}

/**
 * The `subscribe` of a store that starts its work with the first subscriber. The work ends in a microtask after the last one has
 * left, unless another has come by then: React's StrictMode and hot updates unmount and mount again in one task, which must not
 * end it.
 */
export function shared(begin: (changed: () => void) => () => void): Store<unknown>['subscribe'] {
  const subscribers = new Set<() => void>()
  let end: (() => void) | null = null
  const notify = () => {
    for (const each of [...subscribers]) each()
  }
  return (changed) => {
    // A function of its own for each subscriber, since the same `changed` may subscribe twice.
    const subscriber = () => changed()
    end ??= begin(notify)
    subscribers.add(subscriber)
    return () => {
      subscribers.delete(subscriber)
      queueMicrotask(() => {
        if (!end || subscribers.size) return
        const ending = end
        end = null
        ending()
      })
    }
  }
}

/** Whether two objects of one shape have the same members. */
export function isAlike<Value extends object>(one: Value, other: Value): boolean {
  return (Object.keys(one) as (keyof Value)[]).every((name) => Object.is(one[name], other[name]))
}
