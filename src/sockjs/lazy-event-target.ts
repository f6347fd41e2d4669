/**
 * `EventTarget` as a class to extend, which is not touched before the first instance is made: an import must do no harm where there is
 * none, and tests replace it.
 */
export const LazyEventTarget = function LazyEventTarget(): EventTarget {
  if (Object.getPrototypeOf(LazyEventTarget) !== EventTarget) {
    // Both chains, as `extends` has them: Node looks for the mark of its event targets along that of the constructors.
    Object.setPrototypeOf(LazyEventTarget, EventTarget)
    Object.setPrototypeOf(LazyEventTarget.prototype, EventTarget.prototype)
  }
  // An instance of the class that was called with `new`, for its `super()` to return.
  return Reflect.construct(EventTarget, [], new.target ?? EventTarget)
} as unknown as typeof EventTarget
