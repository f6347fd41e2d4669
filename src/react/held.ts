import { type RefObject, useInsertionEffect, useRef, useState, useSyncExternalStore } from 'react'
import { isAlike, type Store } from '../frameworks/store.ts'

/** A value made for these keys, and made again only when one of them changes. Unlike `useMemo`, it survives a hot update. */
export function useHeld<Held>(keys: readonly unknown[], make: () => Held): Held {
  const [current, setCurrent] = useState(() => ({ keys, held: make() }))
  if (isAlike(keys, current.keys)) return current.held
  const next = { keys, held: make() }
  setCurrent(next)
  return next.held
}

/** The value of the last committed render, for callbacks that run later. */
export function useLatest<Value>(value: Value): RefObject<Value> {
  const latest = useRef(value)
  useInsertionEffect(() => {
    latest.current = value
  })
  return latest
}

export function useStore<Value>({ subscribe, get, initial }: Store<Value>): Value {
  return useSyncExternalStore(subscribe, get, initial)
}
