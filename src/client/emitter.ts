/** A DOM-style listener: a function, or an object with `handleEvent`. Method types are bivariant, so that any listener fits. */
type AnyListener<Event> = { handle(event: Event): void }['handle'] | { handleEvent(event: Event): void }

/** The options of a listener, as for an `EventTarget`. */
export interface ListenOptions {
  /** Removes the listener before its first call. @defaultValue false */
  readonly once?: boolean
  /** Removes the listener when the signal is aborted. */
  readonly signal?: AbortSignal
}

interface Registration<Event> {
  readonly listener: AnyListener<Event>
  readonly once: boolean | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Listeners by event type, and for all types under `*`, with the rules of an `EventTarget`: a listener is added only once, the
 * list may change during dispatch, and a listener that throws does not stop the others. It is not an `EventTarget`, because
 * creating and dispatching a DOM event costs a tenth of what a browser needs for a whole WebSocket frame.
 */
export class Emitter<Type extends string, Event> {
  readonly #report: (error: unknown) => void
  readonly #registrations = new Map<Type | '*', readonly Registration<Event>[]>()
  /** The `abort` listeners: one for each signal that any registration has. */
  readonly #signals = new Map<AbortSignal, () => void>()

  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  /**
   * Adds a listener; returns a function that removes this registration, but no later one of the same listener.
   * @throws TypeError for a listener that is neither a function nor an object; `null` and `undefined` are ignored
   */
  add(type: Type | '*', listener: AnyListener<Event> | null | undefined, { once, signal }: ListenOptions = {}): () => void {
    const before = this.#living(type)
    if (listener && typeof listener !== 'function' && typeof listener !== 'object')
      throw new TypeError(`RealtimeClient: the listener for '${type}' must be a function; it was ${typeof listener}.`)
    if (!listener || signal?.aborted || before.some((each) => each.listener === listener)) return () => {}
    const registration = { listener, once, signal }
    this.#registrations.set(type, before.concat(registration))
    if (signal && !this.#signals.has(signal)) {
      const onAbort = () => {
        for (const each of this.#registrations.keys()) this.#keep(each, (other) => other.signal !== signal)
      }
      signal.addEventListener('abort', onAbort)
      this.#signals.set(signal, onAbort)
    }
    return () => this.#keep(type, (each) => each !== registration)
  }

  remove(type: Type | '*', listener: AnyListener<Event> | null | undefined): void {
    this.#keep(type, (each) => each.listener !== listener)
  }

  /** Whether this type has a listener, including those for all types. */
  has(type: Type): boolean {
    return this.#living(type).length + this.#living('*').length > 0
  }

  /** Calls the listeners, then the handler property, then the listeners for all types: functions with the target as `this`. */
  emit(type: Type, event: Event, handler: ((event: Event) => void) | null, target?: object): void {
    this.#emit(type, event, target)
    if (typeof handler === 'function') this.#call(handler, event, target)
    this.#emit('*', event, target)
  }

  #emit(type: Type | '*', event: Event, target: object | undefined): void {
    for (const registration of this.#registrations.get(type) ?? []) {
      if (registration.signal?.aborted || !this.#registrations.get(type)?.includes(registration)) continue
      if (registration.once) this.#keep(type, (each) => each !== registration)
      this.#call(registration.listener, event, target)
    }
  }

  /** Filters by `aborted`, because a signal calls its listeners one by one, and an earlier one may emit before ours has run. */
  #living(type: Type | '*'): readonly Registration<Event>[] {
    return this.#registrations.get(type)?.filter(({ signal }) => !signal?.aborted) ?? []
  }

  #keep(type: Type | '*', isKept: (registration: Registration<Event>) => boolean): void {
    const before = this.#registrations.get(type) ?? []
    this.#registrations.set(type, before.filter(isKept))
    for (const { signal } of before.filter((each) => !isKept(each))) {
      const onAbort = signal && this.#signals.get(signal)
      if (!onAbort || [...this.#registrations.values()].flat().some((each) => each.signal === signal)) continue
      signal.removeEventListener('abort', onAbort)
      this.#signals.delete(signal)
    }
  }

  #call(listener: AnyListener<Event>, event: Event, target: object | undefined): void {
    try {
      if (typeof listener === 'function') listener.call(target, event)
      else listener.handleEvent(event)
    } catch (error) {
      this.#report(error)
    }
  }
}
