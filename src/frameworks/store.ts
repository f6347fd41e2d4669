import type { RealtimeClient } from '../client/client.ts'

/** A client of any types of messages. */
export type AnyClient = RealtimeClient<unknown, unknown>

/** What a component reads: a value that is the same object until it changes, as `useSyncExternalStore` wants it. */
export interface Store<Value> {
  /** The value as it is now. */
  get(): Value
  /** What a server renders, and what hydration begins with. */
  initial(): Value
  /** Calls `changed` after each change, until the function that it returns is called. */
  subscribe(changed: () => void): () => void
}

/**
 * The `subscribe` of a store whose work begins with its first subscriber. It ends in a microtask after the last one has left, unless
 * another has come by then: React's StrictMode and a hot update unmount and mount again in one task, and nothing is to end by that.
 */
export function shared(begin: (changed: () => void) => () => void): Store<unknown>['subscribe'] {
  const subscribers = new Set<() => void>()
  let end: (() => void) | null = null
  const notify = () => {
    for (const each of [...subscribers]) each()
  }
  return (changed) => {
    // One of its own, since the same function may subscribe twice.
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

/** Whether the members of two objects of one shape are the same. */
export function isAlike<Value extends object>(one: Value, other: Value): boolean {
  return (Object.keys(one) as (keyof Value)[]).every((name) => Object.is(one[name], other[name]))
}
