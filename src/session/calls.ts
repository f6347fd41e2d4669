import type { Calls, RequestOptions, Topic, TopicOptions } from '../api/calls.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { CallsPort, Mode } from '../api/mode.ts'
import type { Entry } from '../sending/outbox.ts'
import { type CallAnswer, type CallLoss, nobodyWaits, type PendingCall } from '../sending/pending-call.ts'
import { bytesOf } from '../util/bytes-of.ts'
import { fail, mustBeOptions } from '../util/check-options.ts'
import { type ClientCall, callBytes, faultOf, isTimeoutMs, type ServerCall } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import type { CallSender } from './call-sender.ts'
import { callValueOf, payloadIn } from './call-value.ts'
import type { SessionState } from './session-state.ts'
import { Topics } from './topics.ts'

const losses: Readonly<Record<CallLoss, string>> = {
  undelivered: 'It was never sent.',
  lost: 'The server lost the answer; it may have been handled.',
  closed: 'The client was closed, or its session ended.',
}

/** The server's error for a reply that was too large or expired in the outbox. */
const unsent = { code: 'undelivered', message: 'The reply was never sent.' } as const

/** The server's requests that the page is answering, by id. */
type Answering = Map<string, AbortController>

/**
 * The calls of a session: requests in both directions, and operations on topics. A call is a numbered message, so it is handled
 * once, and its answer is a message of stream 0, so it arrives once (docs/PROTOCOL.md, rule 21).
 */
export class SessionCalls<In, Out> implements Calls<In, Out> {
  readonly #port: CallsPort<In, Out>
  readonly #sender: CallSender<Out>
  readonly #answering: Answering = new Map()
  readonly #topics: Topics<In, Out>

  constructor(port: CallsPort<In, Out>, sender: CallSender<Out>, session: SessionState) {
    this.#port = port
    this.#sender = sender
    this.#topics = new Topics(port, {
      streams: session.streams,
      call: (call, options) => this.call(call, options),
      send: (call, pending) => this.#trySend(call, pending),
      leave: (topic) => (sender.left ? sender.left() : this.#trySend({ type: 'unsubscribe', topic })),
    })
    sender.answers.onCall = (call) => this.#called(call)
    sender.topics = () => this.#topics.names
    sender.onUnsubscribed = (topic, isMissed) => this.#topics.unsubscribed(topic, isMissed)
  }

  async request(data: Out, options?: RequestOptions): Promise<unknown> {
    const answer = await this.call({ type: 'request', ...callValueOf(this.#port.encode(data)) }, options)
    const payload = payloadIn(answer)
    return payload === undefined ? undefined : this.#port.decode(payload)
  }

  subscribe(topic: string, options: TopicOptions = {}): Topic<In, Out> {
    return this.#topics.subscribe(topic, options)
  }

  /**
   * Resolves with the reply.
   * @throws RequestError if there is none, and the signal's reason
   */
  call(call: ClientCall, options: RequestOptions = {}): Promise<Extract<CallAnswer, { type: 'reply' }>> {
    const { timeoutMs, signal } = checked(options)
    const { host, isClosed } = this.#port
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (isClosed()) throw new RequestError('closed', losses.closed)
      const settle = () => {
        cancelLimit?.()
        signal?.removeEventListener('abort', onAbort)
      }
      const entry = this.#send(call, {
        answered(answer) {
          settle()
          if (answer.type === 'reply') resolve(answer)
          else reject(new RequestError(answer.code, answer.message))
        },
        lost(why) {
          settle()
          reject(new RequestError(why, losses[why]))
        },
      })
      const giveUp = (reason: unknown) => {
        settle()
        this.#sender.withdrawCall(entry, (of) => {
          if (call.type === 'request' && !isClosed()) this.#trySend({ type: 'abort', of })
        })
        reject(reason)
      }
      const onAbort = () => giveUp(signal?.reason)
      const late = () => giveUp(new RequestError('timeout', `There was no reply in ${timeoutMs} ms.`))
      const cancelLimit = timeoutMs < Infinity ? host.after(timeoutMs, late) : null
      signal?.addEventListener('abort', onAbort)
    })
  }

  #called(call: Extract<ServerCall, { readonly id: string }>): void {
    if (call.type === 'abort') this.#answering.get(call.id)?.abort(new RequestError('timeout', 'No longer awaited.'))
    else this.#answer(call).catch((error) => this.#port.host.report(error))
  }

  async #answer(request: Extract<ServerCall, { type: 'request' }>): Promise<void> {
    const { id } = request
    const controller = new AbortController()
    this.#answering.set(id, controller)
    try {
      const handler = this.#port.handler()
      if (!handler) throw new RequestError('unhandled', 'This client answers no requests: it has no onrequest.')
      const payload = payloadIn(request) ?? ''
      const reply = await handler({ data: this.#port.decode(payload), signal: controller.signal })
      if (controller.signal.aborted) return
      const value = reply === undefined ? {} : callValueOf(this.#port.encode(reply as Out))
      this.#trySend(
        { type: 'reply', to: id, ...value },
        {
          answered() {},
          lost: (why) => {
            // Without this error the server would wait for a reply that never comes.
            if (why === 'undelivered') this.#trySend({ type: 'error', to: id, ...unsent })
          },
        },
      )
    } catch (error) {
      // The server no longer waits, or another page that shares the session answers.
      if (controller.signal.aborted) return
      const report = (each: unknown) => this.#port.host.report(each)
      this.#trySend({ type: 'error', to: id, ...faultOf(error, report) })
    } finally {
      if (this.#answering.get(id) === controller) this.#answering.delete(id)
    }
  }

  /** Sends a call whose answer is handled in the task in which it arrives. */
  #trySend(call: ClientCall, pending: PendingCall = nobodyWaits): void {
    try {
      if (this.#port.isClosed()) pending.lost('closed')
      else this.#send(call, pending)
    } catch (error) {
      // The outbox is full. The caller may not listen yet.
      this.#port.host.report(error)
      Promise.resolve()
        .then(() => pending.lost('undelivered'))
        .catch((reason) => this.#port.host.report(reason))
    }
  }

  #send(call: ClientCall, pending: PendingCall): Entry<Out> {
    const json = JSON.stringify(call)
    return this.#sender.call(json, pending, callBytes(call, json, bytesOf))
  }
}

/** The calls of a session's client. */
export function callsOf(session: SessionState): NonNullable<Mode['calls']> {
  // The senders of both modes of a session, shared or not, send calls.
  return <In, Out>(port: CallsPort<In, Out>, sender: MessageSender<Out>) =>
    new SessionCalls(port, sender as MessageSender<Out> & CallSender<Out>, session)
}

function checked(options: RequestOptions): { readonly timeoutMs: number; readonly signal: AbortSignal | undefined } {
  mustBeOptions('request()', options, ['timeoutMs', 'signal'])
  const { timeoutMs = Infinity, signal } = options
  if (!isTimeoutMs(timeoutMs)) fail('request().timeoutMs', timeoutMs, 'a number above 0 and below 2,147,483,648, or Infinity')
  if (signal instanceof AbortController || (signal !== undefined && typeof signal?.aborted !== 'boolean'))
    fail('signal', signal, 'an AbortSignal')
  return { timeoutMs, signal }
}
