/**
 * `EventTarget` as a class to extend, which is not touched before the first instance is made: an import must do no harm where there is
 * none, and tests replace it.
 */
export const LazyEventTarget = function LazyEventTarget(): EventTarget {
  const { prototype } = LazyEventTarget as unknown as typeof EventTarget
  if (Object.getPrototypeOf(prototype) !== EventTarget.prototype) Object.setPrototypeOf(prototype, EventTarget.prototype)
  // The instance of the class that was called with `new`, as `super()` returns it.
  return Reflect.construct(EventTarget, [], new.target ?? EventTarget)
} as unknown as typeof EventTarget
