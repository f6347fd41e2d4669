import type { Calls, RequestOptions, ServerRequest, Topic, TopicOptions } from '../api/calls.ts'
import { Listenable } from './listenable.ts'

/** The requests and topics that a session adds to a client. */
export class CallingClient<In, Out, Topics, Target> extends Listenable<In, Out, Target> {
  /** In a session: handles the server's requests (`session.request()`). It returns the reply, or a promise of it. */
  onrequest: { answer(request: ServerRequest<In>): unknown }['answer'] | null = null
  #calls: Calls<In, Out> | undefined

  /**
   * In a session: sends a request and resolves with the reply of the server's `onRequest`. The server handles it once, also
   * across reconnects; while there is no connection it waits, as long as `timeoutMs` allows.
   * @throws RequestError (`steadfast/session`), as a rejection, if there is no reply; or the reason of `signal`
   */
  async request<Reply = In>(data: Out, options?: RequestOptions): Promise<Reply> {
    return (await this.#session.request(data, options)) as Reply
  }

  /**
   * In a session: subscribes to a topic, if the server's `onSubscribe` allows it. All `Topic`s of one name share one
   * subscription, which is restored after a lost session and ends with the last `unsubscribe()`. A refusal is the `error` event.
   * @throws TypeError in plain mode, and for an invalid name or option
   */
  subscribe<Name extends keyof Topics & string>(topic: Name, options?: TopicOptions): Topic<Topics[Name], Out>
  subscribe<T = In>(topic: string, options?: TopicOptions): Topic<T, Out>
  subscribe(topic: string, options?: TopicOptions): Topic<never, Out> {
    return this.#session.subscribe(topic, options) as Topic<never, Out>
  }

  /** Called once, by the client's constructor; `undefined` in plain mode. */
  protected callWith(calls: Calls<In, Out> | undefined): void {
    this.#calls = calls
  }

  get #session(): Calls<In, Out> {
    if (!this.#calls) throw new TypeError('RealtimeClient: requests and topics need a session: set protocol to session().')
    return this.#calls
  }
}
