import type { EventListener, EventType, RealtimeEvent } from '../api/events.ts'
import { Disposing } from '../util/disposing.ts'
import type { Emitter, ListenOptions } from './emitter.ts'

/** What `onopen` and so on may be. A method's type, so that a client of some type is a client of `unknown` as well. */
export type Handler<Type extends EventType, In, Out, Target> =
  | { handle(event: RealtimeEvent<Type, In, Out, Target>): void }['handle']
  | null

/** The ways to listen, as an `EventTarget` and as an event emitter have them. */
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

  /** As an `EventTarget` does it; the type `'*'` is every event. `null` is ignored. */
  addEventListener<Type extends EventType | '*'>(
    type: Type,
    listener: EventListener<Type, In, Out, Target> | null | undefined,
    options?: ListenOptions | boolean | null,
  ): void {
    this.#add(type, listener, typeof options === 'object' && options ? options : {})
  }

  removeEventListener<Type extends EventType | '*'>(
    type: Type,
    listener: EventListener<Type, In, Out, Target> | null | undefined,
  ): void {
    this.#emitter.remove(type, listener as EventListener<'*', In, Out, Target>)
  }

  /** Listens, and returns the way to stop. `'*'` is every event. */
  on<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): () => void {
    return this.#add(type, listener, {})
  }

  /** Listens to the next such event alone, and returns the way to stop before it. */
  once<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): () => void {
    return this.#add(type, listener, { once: true })
  }

  /** As `removeEventListener`. */
  off<Type extends EventType | '*'>(type: Type, listener: EventListener<Type, In, Out, Target>): void {
    this.removeEventListener(type, listener)
  }

  #add(type: EventType | '*', listener: unknown, options: ListenOptions): () => void {
    return this.#emitter.add(type, listener as EventListener<'*', In, Out, Target>, options)
  }
}
