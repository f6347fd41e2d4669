import type { Calls, RequestOptions, ServerRequest, Topic, TopicOptions } from '../api/calls.ts'
import { Listenable } from './listenable.ts'

/** What a session adds to a client: requests with answers, and topics. */
export class CallingClient<In, Out, Topics, Target> extends Listenable<In, Out, Target> {
  /** In a session: answers the requests of the server (`session.request()`): what it returns, or a promise of it, is the reply. */
  onrequest: { answer(request: ServerRequest<In>): unknown }['answer'] | null = null
  #calls: Calls<In, Out> | undefined

  /**
   * In a session: sends a request, and resolves with the reply of the server's `onRequest`. It is handled once and answered once, across
   * reconnects, and may wait as long as the connection is away.
   * @throws RequestError (`steadfast/session`), as a rejection, where there is no reply; and the signal's reason
   */
  async request<Reply = In>(data: Out, options?: RequestOptions): Promise<Reply> {
    return (await this.#session.request(data, options)) as Reply
  }

  /**
   * In a session: subscribes to a topic, if the server's `onSubscribe` allows it. Several calls share one subscription, which is restored
   * after a lost session and ends with the last of them.
   */
  subscribe<Name extends keyof Topics & string>(topic: Name, options?: TopicOptions): Topic<Topics[Name], Out>
  subscribe<T = In>(topic: string, options?: TopicOptions): Topic<T, Out>
  subscribe(topic: string, options?: TopicOptions): Topic<never, Out> {
    return this.#session.subscribe(topic, options) as Topic<never, Out>
  }

  /** Called once, while the client is made; in plain mode there is nothing that it could call with. */
  protected callWith(calls: Calls<In, Out> | undefined): void {
    this.#calls = calls
  }

  get #session(): Calls<In, Out> {
    if (!this.#calls) throw new TypeError('RealtimeClient: requests and topics need a session: set protocol to session().')
    return this.#calls
  }
}
