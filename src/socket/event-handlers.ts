interface EventHandler {
  value: object
  listener(event: Event): void
}

/**
 * Defines `onopen` and so on as the HTML standard defines event handlers: the first handler takes its place among the listeners,
 * a later one takes the same place, and `null` gives it up.
 */
export function defineHandlers(prototype: object, types: readonly string[]): void {
  const handlersOf = new WeakMap<object, Map<string, EventHandler>>()
  for (const type of types) {
    Object.defineProperty(prototype, `on${type}`, {
      enumerable: true,
      configurable: true,
      get(this: EventTarget): object | null {
        return handlersOf.get(this)?.get(type)?.value ?? null
      },
      set(this: EventTarget, value: unknown) {
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
              if (typeof handler.value === 'function') handler.value.call(this, event)
            },
          }
          handlers.set(type, handler)
          this.addEventListener(type, handler.listener)
        }
      },
    })
  }
}

/** Any other value counts as `null` ([LegacyTreatNonObjectAsNull] of Web IDL); an object that is no function is never called. */
function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
