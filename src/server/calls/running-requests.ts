import type { ClientCall, ServerCall } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { HandledSession } from '../session/handled-session.ts'
import { HandlerRetries } from '../session/handler-retries.ts'
import type { Incoming } from '../session/record.ts'
import { StoreUnavailableError } from '../store/store-health.ts'
import { isThenable } from '../util/thenable.ts'
import { append, errorAnswer } from './answer.ts'
import { callValueOf, dataIn } from './call-data.ts'
import { withinTime } from './within-time.ts'

/** How many requests of one session run at the same time. */
const atOnce = 16

/** How soon a request is retried after its handler or its answer failed with the store, in milliseconds. */
const againAfterMs = 200

/** A request of a client whose handler is running. */
interface Running {
  readonly message: Incoming
  readonly controller: AbortController
  cancelRetry: (() => void) | null
}

/**
 * The requests of one session whose handlers run on this node. Several run at the same time: they started in order, and later
 * messages are handled meanwhile, but nothing counts as done from the oldest of them on.
 */
export class RunningRequests {
  readonly #session: HandledSession
  readonly #answered: (message: Incoming, offset: number | null) => void
  readonly #running = new Map<number, Running>()
  /** Requests that were aborted before they started. */
  readonly #abortedBefore = new Set<number>()

  /** @param answered called with the offset of the answer in stream 0; 0 without one, `null` if the session has ended */
  constructor(session: HandledSession, answered: (message: Incoming, offset: number | null) => void) {
    this.#session = session
    this.#answered = answered
  }

  get isEmpty(): boolean {
    return this.#running.size === 0
  }

  get isFull(): boolean {
    return this.#running.size >= atOnce
  }

  /** The lowest number of a running request; `Infinity` without one. */
  get oldest(): number {
    return this.#running.keys().next().value ?? Infinity
  }

  begin(message: Incoming, call: Extract<ClientCall, { type: 'request' }>): void {
    const running: Running = { message, controller: new AbortController(), cancelRetry: null }
    this.#running.set(message.n, running)
    if (this.#abortedBefore.delete(message.n)) running.controller.abort(aborted())
    this.#run(running, call, new HandlerRetries(this.#session.node))
  }

  /** The client no longer waits for the reply. */
  abort(n: number, isPending: boolean): void {
    this.#running.get(n)?.controller.abort(aborted())
    // The request may still wait for its turn. The limit of waiting messages bounds this set.
    if (isPending && !this.#running.has(n)) this.#abortedBefore.add(n)
  }

  /** The session has ended: aborts all requests. */
  abortAll(): void {
    for (const { controller } of this.#running.values()) controller.abort(new RequestError('closed', 'The session has ended.'))
  }

  /** Another node handles the requests now: ignores the results of these handlers. Returns the requests. */
  drop(): readonly Incoming[] {
    const dropped = [...this.#running.values()]
    this.abortAll()
    for (const { cancelRetry } of dropped) cancelRetry?.()
    this.#running.clear()
    this.#abortedBefore.clear()
    return dropped.map(({ message }) => message)
  }

  #run(running: Running, call: Extract<ClientCall, { type: 'request' }>, retries: HandlerRetries): void {
    const { host } = this.#session.node
    this.#answer(running, call)
      .then(
        (offset) => this.#finish(running, offset),
        (error) => {
          if (this.#running.get(running.message.n) !== running || this.#session.node.isDown) return
          const failure = error instanceof StoreUnavailableError ? retries.failed(error) : { error }
          if (failure) {
            host.report(failure.error)
            this.#finish(running, 0)
            return
          }
          running.message.redelivered = true
          running.cancelRetry = host.after(againAfterMs, () => this.#run(running, call, retries))
        },
      )
      // The request itself has finished: it must neither fail nor run again.
      .catch((error) => host.report(error))
  }

  #finish(running: Running, offset: number | null): void {
    if (this.#running.get(running.message.n) !== running) return
    this.#running.delete(running.message.n)
    this.#answered(running.message, offset)
  }

  /** Resolves with the offset of the answer; `null` if none can be appended any more. */
  async #answer({ message, controller }: Running, call: Extract<ClientCall, { type: 'request' }>): Promise<number | null> {
    const { node } = this.#session
    let answer: ServerCall
    try {
      answer = { type: 'reply', to: message.n, ...(await this.#reply(message, call, controller)) }
    } catch (error) {
      answer = errorAnswer(message.n, error, (each) => node.host.report(each))
    }
    // A handler on a node that has lost the session must not answer in place of the node that handles it now.
    return node.isDown || !this.#running.has(message.n) ? null : append(this.#session, answer)
  }

  async #reply({ n, redelivered }: Incoming, call: Extract<ClientCall, { type: 'request' }>, controller: AbortController) {
    const { id, node, handle } = this.#session
    const { signal } = controller
    // Nobody waits: it was aborted before its turn, or before the retry after a failure of the store.
    signal.throwIfAborted()
    const { onRequest } = node.handlers
    if (!onRequest) throw new RequestError('unhandled', 'This server answers no requests: it has no onRequest.')
    const request = { data: dataIn(call, node.settings), id: { session: id, n }, redelivered, signal }
    const handling: unknown = onRequest(handle, request)
    const { requestTimeoutMs = Infinity } = node.settings
    const reply = isThenable(handling) ? await withinTime(handling, requestTimeoutMs, controller, node.host) : handling
    return reply === undefined ? {} : callValueOf(reply, node.settings, 'the reply of onRequest')
  }
}

function aborted(): RequestError {
  return new RequestError('aborted', 'The client no longer waits for the reply.')
}
