import { type CallValue, type ClientCall, faultOf, hasValue, isOwnTopic, presenceTopicOf } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import { allowedPublication, allowedSubscription } from './allowed.ts'
import type { CallsServer } from './application.ts'
import { callValueOf, payloadIn } from './call-value.ts'
import { FakeRequest } from './request.ts'
import type { FakeSession } from './session.ts'
import type { SessionRecord } from './session-record.ts'
import type { Topics } from './topics.ts'

interface Asked<Out> {
  resolve(reply: Out | undefined): void
  reject(error: unknown): void
}

type Call<Type extends ClientCall['type']> = Extract<ClientCall, { readonly type: Type }>

/** The calls of one session (docs/PROTOCOL.md, rules 21 and 22): the client's to the server, and the test's to the client. */
export class SessionCalls<In, Out> {
  readonly #record: SessionRecord
  readonly #session: FakeSession<In, Out>
  readonly #topics: Topics
  readonly #server: CallsServer<In, Out>
  readonly #running = new Map<number, AbortController>()
  readonly #asked = new Map<string, Asked<Out>>()
  /** Cancels the timer of each subscription that expires. */
  readonly #expiries = new Map<string, () => void>()
  #lastId = 0
  /** The pending decision of the test's function; later calls wait for it. */
  #deciding: Promise<void> | null = null

  constructor(record: SessionRecord, session: FakeSession<In, Out>, topics: Topics, server: CallsServer<In, Out>) {
    this.#record = record
    this.#session = session
    this.#topics = topics
    this.#server = server
  }

  called(n: number, call: ClientCall): void {
    switch (call.type) {
      case 'abort':
        this.#running.get(call.of)?.abort(new RequestError('aborted', 'The client no longer waits for the reply.'))
        this.#record.done(n)
        return
      case 'reply':
      case 'error':
        this.#record.done(n)
        this.#answered(call)
        return
      default:
        this.#inTurn(n, call)
    }
  }

  /** Sends a request to the client, and resolves with its reply. */
  ask(data: In, signal: AbortSignal | undefined): Promise<Out | undefined> {
    this.#lastId += 1
    const id = `fake-${this.#lastId}`
    const reply = new Promise<Out | undefined>((resolve, reject) => {
      signal?.throwIfAborted()
      this.#asked.set(id, { resolve, reject })
      signal?.addEventListener('abort', () => {
        if (!this.#asked.delete(id)) return
        this.#record.streams.call({ type: 'abort', id })
        reject(signal.reason)
      })
      this.#record.streams.call({ type: 'request', id, ...callValueOf(this.#server.encode(data)) })
    })
    // The rejection reaches a caller that awaits it; if none does, it must not count as unhandled.
    reply.catch(() => {})
    return reply
  }

  /** Rejects and aborts all calls when the session has ended, or the server has lost it. */
  end(): void {
    const closed = new RequestError('closed', 'The session has ended.')
    for (const controller of this.#running.values()) controller.abort(closed)
    for (const { reject } of this.#asked.values()) reject(closed)
    this.#asked.clear()
    for (const name of [...this.#expiries.keys()]) this.#cancelExpiry(name)
  }

  #answered(call: Call<'reply' | 'error'>): void {
    const asked = this.#asked.get(call.to)
    if (!asked) return
    this.#asked.delete(call.to)
    if (call.type === 'error') asked.reject(new RequestError(call.code, call.message))
    else asked.resolve(hasValue(call) ? this.#server.decode(payloadIn(call)) : undefined)
  }

  /** Handles calls in the order of their arrival, and at once if no decision is pending. */
  #inTurn(n: number, call: ClientCall): void {
    const deciding = this.#deciding ? this.#deciding.then(() => this.#decide(n, call)) : this.#decide(n, call)
    if (!deciding) return
    const turn: Promise<void> = deciding.then(() => {
      if (this.#deciding === turn) this.#deciding = null
    })
    this.#deciding = turn
  }

  /** @returns a promise if the test's function has returned one */
  #decide(n: number, call: ClientCall): Promise<void> | null {
    switch (call.type) {
      case 'request':
        this.#request(n, call)
        return null
      case 'subscribe': {
        const { onSubscribe } = this.#server.handlers
        const ask = () => !isOwnTopic(call.topic) && (onSubscribe ? onSubscribe(call.topic, call.params, this.#session) : true)
        return this.#whenDecided(n, 'onSubscribe', ask, (verdict) => this.#subscribe(n, call, verdict))
      }
      case 'publish': {
        const { onPublish } = this.#server.handlers
        const data = () => this.#server.decode(payloadIn(call))
        const ask = () => !isOwnTopic(call.topic) && (onPublish ? onPublish(call.topic, data(), this.#session) : true)
        return this.#whenDecided(n, 'onPublish', ask, (verdict) => this.#publish(n, call, verdict))
      }
      case 'members':
        this.#members(n, call)
        return null
      case 'unsubscribe':
        this.#cancelExpiry(call.topic)
        this.#record.streams.unsubscribe(call.topic)
        this.#record.streams.unsubscribe(presenceTopicOf(call.topic))
        this.#record.done(n)
        return null
      default:
        return null
    }
  }

  #request(n: number, call: Call<'request'>): void {
    const controller = new AbortController()
    this.#running.set(n, controller)
    const { onRequest } = this.#server.handlers
    const settle = (answer: { readonly reply: In | undefined } | { readonly error: unknown }) => {
      this.#running.delete(n)
      if ('error' in answer) this.#refuse(n, 'onRequest', answer.error)
      else this.#record.answer(n, { type: 'reply', to: n, ...this.#valueOf(answer.reply) })
    }
    try {
      const request = new FakeRequest<In, Out>(this.#server.decode(payloadIn(call)), this.#session, controller.signal, settle)
      if (!onRequest) {
        this.#server.requested(request)
        return
      }
      const reply = onRequest(request.data, request)
      if (isPromise(reply)) reply.then((each) => settle({ reply: each })).then(undefined, (error) => settle({ error }))
      else settle({ reply })
    } catch (error) {
      settle({ error })
    }
  }

  #subscribe(n: number, { topic: name, since, after }: Call<'subscribe'>, verdict: unknown): void {
    const { topic = name, since: begin = since, expiresAt = Infinity } = allowedSubscription(name, verdict)
    const places = this.#topics.placesOf(topic, begin, after)
    const stream = this.#record.streams.subscribe(name, topic, places.from)
    this.#record.answer(n, { type: 'reply', to: n, value: places })
    for (const { offset, message } of this.#topics.publishedAfter(topic, places.from))
      this.#record.streams.deliver(stream, offset, message)
    this.#expire(name, expiresAt)
  }

  /** Ends a subscription when its permission has expired. */
  #expire(name: string, expiresAt: number): void {
    this.#cancelExpiry(name)
    const leftMs = Math.max(0, expiresAt - this.#server.wallTime())
    // A longer delay exceeds the range of the platform's timers.
    if (leftMs >= 2 ** 31) return
    const end = () => this.#record.streams.unsubscribe(name)
    this.#expiries.set(name, this.#server.after(leftMs, end))
  }

  #cancelExpiry(name: string): void {
    this.#expiries.get(name)?.()
    this.#expiries.delete(name)
  }

  #publish(n: number, call: Call<'publish'>, verdict: unknown): void {
    const { topic = this.#record.streams.named(call.topic)?.topic ?? call.topic, ...given } = allowedPublication<In>(
      call.topic,
      verdict,
    )
    const message = 'data' in given ? this.#server.encode(given.data as In) : payloadIn(call)
    const offset = this.#server.publish(topic, message)
    this.#record.answer(n, { type: 'reply', to: n, value: offset })
  }

  #members(n: number, { topic: name }: { readonly topic: string }): void {
    const known = this.#record.streams.named(name)
    if (!known) {
      this.#refuse(
        n,
        '',
        new RequestError('forbidden', `The session is not subscribed to ${JSON.stringify(name)}, so it may not see its members.`),
      )
      return
    }
    const topic = presenceTopicOf(known.topic)
    this.#record.streams.subscribe(presenceTopicOf(name), topic, this.#topics.tailOf(topic))
    this.#record.answer(n, { type: 'reply', to: n, value: this.#topics.membersOf(known.topic) })
  }

  #whenDecided(n: number, what: string, ask: () => unknown, then: (verdict: unknown) => void): Promise<void> | null {
    const decided = (verdict: unknown) => {
      try {
        then(verdict)
      } catch (error) {
        this.#refuse(n, what, error)
      }
    }
    try {
      const verdict = ask()
      if (isPromise(verdict)) return Promise.resolve(verdict).then(decided, (error) => this.#refuse(n, what, error))
      decided(verdict)
    } catch (error) {
      this.#refuse(n, what, error)
    }
    return null
  }

  #refuse(n: number, what: string, error: unknown): void {
    if (!(error instanceof RequestError)) this.#server.failed(what, error)
    this.#record.answer(n, { type: 'error', to: n, ...faultOf(error) })
  }

  #valueOf(reply: In | undefined): CallValue {
    return reply === undefined ? {} : callValueOf(this.#server.encode(reply))
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
