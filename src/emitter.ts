/** A listener as the DOM takes one: a function, or an object with `handleEvent`. */
type AnyListener<Event> = ((event: Event) => void) | { handleEvent(event: Event): void }

interface Registration<Event> {
  readonly listener: AnyListener<Event>
  readonly once: boolean
}

/**
 * Listeners by event type, with the habits of an `EventTarget`: each is added once, a list may change while it is called, and
 * one that throws stops nobody. Not an `EventTarget` itself, because making and dispatching a DOM event costs a tenth of what
 * a browser needs for a whole WebSocket frame.
 */
export class Emitter<Type extends string, Event> {
  readonly #report: (error: unknown) => void
  readonly #registrations = new Map<Type, readonly Registration<Event>[]>()

  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  add(type: Type, listener: AnyListener<Event>, once: boolean): void {
    const registrations = this.#registrations.get(type) ?? []
    if (registrations.some((each) => each.listener === listener)) return
    this.#registrations.set(type, registrations.concat({ listener, once }))
  }

  remove(type: Type, listener: AnyListener<Event>): void {
    const registrations = this.#registrations.get(type)
    if (registrations)
      this.#registrations.set(
        type,
        registrations.filter((each) => each.listener !== listener),
      )
  }

  /** Calls the listeners, then the handler property. */
  emit(type: Type, event: Event, handler: ((event: Event) => void) | null): void {
    for (const registration of this.#registrations.get(type) ?? []) {
      const { listener, once } = registration
      if (!this.#registrations.get(type)?.includes(registration)) continue
      if (once) this.remove(type, listener)
      this.#call(listener, event)
    }
    if (handler) this.#call(handler, event)
  }

  #call(listener: AnyListener<Event>, event: Event): void {
    try {
      if (typeof listener === 'function') listener(event)
      else listener.handleEvent(event)
    } catch (error) {
      this.#report(error)
    }
  }
}
