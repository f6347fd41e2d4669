/**
 * `EventTarget` as a base class that is not read before the first instance is created: importing the module must not fail on a
 * platform without `EventTarget`, and tests replace it.
 */
export const LazyEventTarget = function LazyEventTarget(): EventTarget {
  if (Object.getPrototypeOf(LazyEventTarget) !== EventTarget) {
    // Both prototype chains, as `extends` sets them: Node looks for the mark of its event targets on the constructors.
    Object.setPrototypeOf(LazyEventTarget, EventTarget)
    Object.setPrototypeOf(LazyEventTarget.prototype, EventTarget.prototype)
  }
  // An instance of the class called with `new`, as the result of its `super()`.
  return Reflect.construct(EventTarget, [], new.target ?? EventTarget)
} as unknown as typeof EventTarget
