import { type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue, watch } from 'vue'
import type { Store } from '../frameworks/store.ts'
import { whileMounted } from './while-mounted.ts'

/** A store that is replaced whenever its source changes, and its value as a ref. */
export interface FromStore<Held, Value> {
  readonly value: Readonly<ShallowRef<Value>>
  /** The current store. */
  current(): Held
}

/**
 * Subscribes to a store for the lifetime of the scope: from the mounting of the component, so never during server rendering; in a
 * scope without a component at once.
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
