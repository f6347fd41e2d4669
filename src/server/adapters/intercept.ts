type Method = (...values: unknown[]) => unknown

/** Wraps a method of an object, if it exists; returns a function that restores it, unless it has been wrapped again since. */
export function intercept(target: object, name: string, over: (before: Method) => Method): () => void {
  const before: unknown = Reflect.get(target, name)
  if (typeof before !== 'function') return () => {}
  const own = Object.getOwnPropertyDescriptor(target, name)
  const value = over((...values) => Reflect.apply(before, target, values))
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: own?.enumerable ?? false })
  return () => {
    if (Reflect.get(target, name) !== value) return
    if (own) Object.defineProperty(target, name, own)
    else Reflect.deleteProperty(target, name)
  }
}
