import { type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue, watch } from 'vue'
import type { Store } from '../frameworks/store.ts'
import { whileMounted } from './while-mounted.ts'

/** A store that is made anew whenever its source has changed, and its value as a ref. */
export interface FromStore<Held, Value> {
  readonly value: Readonly<ShallowRef<Value>>
  /** The store as it is now. */
  current(): Held
}

/**
 * Follows a store for as long as the scope lives: from when the component is mounted, so never on a server, and at once in a scope
 * without a component.
 */
export function fromStore<Source, Value, Held extends Store<Value>>(
  source: MaybeRefOrGetter<Source>,
  make: (source: Source) => Held,
): FromStore<Held, Value> {
  let store = make(toValue(source))
  const value = shallowRef(store.initial()) as ShallowRef<Value>
  let isFollowing = false
  let stop = () => {}
  const look = () => {
    value.value = store.get()
  }
  const follow = () => {
    isFollowing = true
    stop = store.subscribe(look)
    look()
  }
  watch(
    () => toValue(source),
    (next) => {
      const leave = stop
      store = make(next)
      if (isFollowing) follow()
      else value.value = store.initial()
      leave()
    },
    { flush: 'sync' },
  )
  whileMounted(() => {
    follow()
    return () => stop()
  })
  return { value, current: () => store }
}
