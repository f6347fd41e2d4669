import type { EventListener, EventType, RealtimeEvent } from '../api/events.ts'
import { Disposing } from '../util/disposing.ts'
import type { Emitter, ListenOptions } from './emitter.ts'

/** The type of `onopen` and so on. A method type (bivariant), so that any client is assignable to a client of `unknown`. */
export type Handler<Type extends EventType, In, Out, Target> =
  | { handle(event: RealtimeEvent<Type, In, Out, Target>): void }['handle']
  | null

const types: readonly (EventType | '*')[] = ['open', 'message', 'error', 'close', 'transport', 'gap', 'state', 'diagnosis', '*']

/** The methods to add and remove listeners, in the style of `EventTarget` and of Node's event emitter. */
export class Listenable<In, Out, Target> extends Disposing {
  onopen: Handler<'open', In, Out, Target> = null
  onmessage: Handler<'message', In, Out, Target> = null
  onerror: Handler<'error', In, Out, Target> = null
  onclose: Handler<'close', In, Out, Target> = null
  ontransport: Handler<'transport', In, Out, Target> = null
  ongap: Handler<'gap', In, Out, Target> = null
  onstate: Handler<'state', In, Out, Target> = null
  ondiagnosis: Handler<'diagnosis', In, Out, Target> = null

  readonly #emitter: Emitter<EventType, RealtimeEvent<'*', In, Out, Target>>

  protected constructor(emitter: Emitter<EventType, RealtimeEvent<'*', In, Out, Target>>) {
    super()
    this.#emitter = emitter
  }

  /** Adds a listener, as `EventTarget` does. The type `'*'` is every event; a `null` listener is ignored. */
  addEventListener<Type extends EventType | '*'>(
    type: Type,
    listener: EventListener<Type, In, Out, Target> | null | undefined,
    options?: ListenOptions | boolean | null,
  ): void {
    this.#add(type, listener, typeof options === 'object' && options ? options : {})
  }

  /** Removes a listener, as `EventTarget` does. */
  removeEventListener<Type extends EventType | '*'>(
    type: Type,
    listener: EventListener<Type, In, Out, Target> | null | undefined,
  ): void {
    this.#emitter.remove(type, listener as EventListener<'*', In, Out, Target>)
  }

  /**
   * Adds a listener; returns a function that removes it. `'*'` is every event.
   * @throws TypeError for an event that does not exist, which `addEventListener` accepts as an `EventTarget` does
   */
  on<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): () => void {
    return this.#add(this.#known(type), listener, {})
  }

  /** Adds a listener for the next such event only; returns a function that removes it. Throws as `on()` does. */
  once<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): () => void {
    return this.#add(this.#known(type), listener, { once: true })
  }

  /** Same as `removeEventListener`. */
  off<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): void {
    this.removeEventListener(type, listener)
  }

  #known(type: EventType | '*'): EventType | '*' {
    if (types.includes(type)) return type
    throw new TypeError(`RealtimeClient: unknown event '${type}'; there are ${types.join(', ')}.`)
  }

  #add(type: EventType | '*', listener: unknown, options: ListenOptions): () => void {
    return this.#emitter.add(type, listener as EventListener<'*', In, Out, Target>, options)
  }
}
