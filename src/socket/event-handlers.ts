interface EventHandler {
  value: object
  listener(event: Event): void
}

/**
 * Defines `onopen` and so on as the HTML standard defines event handlers: the first handler takes its place among the listeners,
 * a later one takes the same place, and `null` gives it up; one that returns `false` cancels the event.
 */
export function defineHandlers(prototype: object, types: readonly string[]): void {
  const handlersOf = new WeakMap<object, Map<string, EventHandler>>()
  for (const type of types) {
    const name = `on${type}`
    // Accessors of an object, since these have the names that Web IDL demands.
    const accessors: ThisType<EventTarget> & Record<string, unknown> = {
      get [name](): object | null {
        return handlersOf.get(this)?.get(type)?.value ?? null
      },
      set [name](value: unknown) {
        const handlers = handlersOf.get(this) ?? new Map<string, EventHandler>()
        handlersOf.set(this, handlers)
        const known = handlers.get(type)
        if (!isObject(value)) {
          if (known) this.removeEventListener(type, known.listener)
          handlers.delete(type)
        } else if (known) known.value = value
        else {
          const handler: EventHandler = {
            value,
            listener: (event) => {
              if (typeof handler.value === 'function' && handler.value.call(this, event) === false) event.preventDefault()
            },
          }
          handlers.set(type, handler)
          this.addEventListener(type, handler.listener)
        }
      },
    }
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(accessors))
  }
}

/** Any other value counts as `null` ([LegacyTreatNonObjectAsNull] of Web IDL); an object that is not a function is never called. */
function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
