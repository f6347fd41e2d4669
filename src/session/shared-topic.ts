import type { RequestOptions, Since, TopicState } from '../api/calls.ts'
import type { CallsPort } from '../api/mode.ts'
import type { CallLoss } from '../sending/pending-call.ts'
import type { Subscribed, TopicPlace } from '../wire/calls.ts'
import { countOf } from '../wire/readers.ts'
import { RequestError } from '../wire/request-error.ts'
import { callValueOf } from './call-value.ts'
import { readSubscribed } from './server-call.ts'
import type { TopicHandle, TopicSource } from './topic-handle.ts'
import { TopicMembers } from './topic-members.ts'
import { settledParams } from './topic-params.ts'
import type { TopicsSession } from './topics-session.ts'

/** A subscription that the server ends again within this time, in milliseconds, is not made once more. */
const soonMs = 5000

/** The delay between the end of a subscription and the check whether another one has replaced it, in milliseconds. */
const lookAfterMs = 250

/** One topic of a session: a single subscription at the server, which all uses of the topic share. */
export class SharedTopic<In, Out> implements TopicSource<Out> {
  readonly name: string
  state: TopicState = 'subscribing'
  error: RequestError | null = null
  isOver = false
  readonly presence: TopicMembers
  readonly #port: CallsPort<In, Out>
  readonly #session: TopicsSession
  readonly #onOver: () => void
  #handles: readonly TopicHandle<In, Out>[] = []
  #params: unknown
  /** How far the topic was read; the next subscription continues from there. */
  #place: TopicPlace | null = null
  /** Whether a subscription that repeats what this page lacks is unanswered: what the present one delivers is dropped. */
  #isBehind = false
  /** The number of unanswered `subscribe` calls. */
  #asking = 0
  /** When the last subscription was made because the server had ended the one before. */
  #askedAgainAt = -Infinity
  /** Cancels the check that follows the end of a subscription; `null` if there is none to come. */
  #cancelLook: (() => void) | null = null
  /** Aborted when `params()` is no longer awaited. */
  #waiting = new AbortController()

  constructor(name: string, port: CallsPort<In, Out>, session: TopicsSession, onOver: () => void) {
    this.name = name
    this.#port = port
    this.#session = session
    this.#onOver = onOver
    this.presence = new TopicMembers(name, port.host, session)
  }

  add(handle: TopicHandle<In, Out>, since: Since | undefined, params: unknown): void {
    const isFirst = this.#asking === 0 && this.state !== 'subscribed'
    this.#handles = [...this.#handles, handle]
    if (params !== undefined) this.#params = params
    if (isFirst || since !== undefined) this.#ask(since, handle)
    else if (this.state === 'subscribed' && this.#place) {
      handle.begin(this.#place)
      Promise.resolve()
        .then(() => handle.emit('subscribed', {}))
        .catch((error) => this.#port.host.report(error))
    }
  }

  /** The removal of the last use ends the subscription, unless another use is added in the same task. */
  remove(handle: object): void {
    this.#handles = this.#handles.filter((each) => each !== handle)
    if (this.#handles.length || this.isOver) return
    this.#params = undefined
    Promise.resolve()
      .then(() => {
        if (this.#handles.length || this.isOver) return
        this.#end('ended')
        this.#session.leave(this.name)
      })
      .catch((error) => this.#port.host.report(error))
  }

  async publish(data: Out, options?: RequestOptions): Promise<number> {
    const value = callValueOf(this.#port.encode(data))
    const answer = await this.#session.call({ type: 'publish', topic: this.name, ...value }, options)
    return countOf(answer.value)
  }

  received(data: In, place: TopicPlace): void {
    if (this.#isBehind) return
    // The subscription before has ended, and this one began later.
    if (this.#cancelLook && this.#lacks({ ...place, offset: place.offset - 1 })) {
      this.restore(true)
      return
    }
    // Another tab may have subscribed to it before this one.
    this.#enter(place.epoch, place.offset - 1)
    if (place.offset > (this.#place?.offset ?? -1)) this.#place = place
    for (const handle of this.#handles) handle.received(data, place)
  }

  missed({ after, resumesAt }: { readonly after: number | null; readonly resumesAt: number }, epoch: string): void {
    if (!this.#isBehind) this.#skipTo(after, { epoch, offset: resumesAt - 1 })
  }

  /**
   * The page has joined another session, without the subscription; or (`isMissed`) it was away and drops the present stream, which
   * began after what it has missed: with `since` the server replaces a stream, even if it is the application's.
   */
  restore(isMissed = false): void {
    this.presence.restore()
    if (this.isOver || (this.#asking && !(isMissed && this.#place))) return
    this.#isBehind = !!this.#place
    // A client that was closed has dropped the subscriptions of these uses.
    const waiting = this.#handles.filter(({ since, isWaiting }) => since !== undefined && isWaiting)
    if (this.#place || !waiting.length) this.#ask(this.#place?.offset)
    for (const each of waiting) this.#ask(each.since, each)
  }

  closed(): void {
    if (this.isOver) return
    this.#stopWaiting()
    this.#setState('ended')
    for (const handle of this.#handles) handle.endIterations()
  }

  /**
   * The server has ended the subscription, perhaps because its permission has expired, or only that to the presence: the topic is
   * subscribed to again, with fresh `params`. Another tab that shares the session may have replaced it, which shows at once, or
   * ended it, which has no effect here. It may also have been ended when no tab but this one used it, which was away.
   */
  unsubscribedByServer(): void {
    this.#cancelLook?.()
    this.#cancelLook = this.#port.host.after(lookAfterMs, () => this.#subscribeAgain())
  }

  #subscribeAgain(): void {
    this.#cancelLook = null
    if (this.isOver || this.#asking || this.state !== 'subscribed') return
    const place = this.#session.streams.placeOf(this.name)
    if (place && this.#lacks(place)) this.restore(true)
    else if (place) this.presence.subscribed()
    if (place) return
    const now = this.#port.host.now()
    if (now - this.#askedAgainAt < soonMs) this.#failed(new RequestError('forbidden', 'The server ended the subscription.'))
    else {
      this.#askedAgainAt = now
      this.#ask()
    }
  }

  #ask(since?: Since, asker?: TopicHandle<In, Out>): void {
    this.#asking += 1
    if (this.state !== 'subscribed') this.#setState('subscribing')
    this.#askWith(since, asker).catch((error) => this.#port.host.report(error))
  }

  async #askWith(since?: Since, asker?: TopicHandle<In, Out>): Promise<void> {
    const { name: topic } = this
    const { signal } = this.#waiting
    const params = typeof this.#params === 'function' ? await this.#settledParams(signal) : this.#params
    if (signal.aborted || this.#port.isClosed()) {
      this.#asking -= 1
      return
    }
    const after = this.#session.streams.readBy(this.#place, topic)
    const call = { type: 'subscribe', topic, since, after, params } as const
    // Not by a promise: messages of the topic may arrive in the same task, after the answer.
    this.#session.send(call, {
      answered: (answer) => {
        this.#asking -= 1
        if (answer.type === 'error') this.#failed(new RequestError(answer.code, answer.message))
        else this.#subscribed(readSubscribed(answer.value), asker)
      },
      lost: (why) => this.#unanswered(why, since, asker),
    })
  }

  #settledParams(signal: AbortSignal): Promise<unknown> {
    const newest = () => (typeof this.#params === 'function' ? this.#params() : this.#params)
    return settledParams(newest, this.#port.host, signal, (error) =>
      this.#failed(error, this.#session.streams.placeOf(this.name) ? this.state : 'subscribing'),
    )
  }

  #unanswered(why: CallLoss, since?: Since, asker?: TopicHandle<In, Out>): void {
    this.#asking -= 1
    if (this.isOver) return
    if (why === 'lost') this.#ask(since, asker)
    // After `closed`, a client subscribes again when it is opened again.
    else if (why === 'undelivered') this.#failed(new RequestError(why, 'The server was never asked.'))
  }

  #subscribed({ epoch, from, at, tail }: Subscribed, asker: TopicHandle<In, Out> | undefined): void {
    if (this.isOver) return
    this.#isBehind = false
    this.#enter(epoch, from)
    this.#place ??= { epoch, offset: from }
    asker?.begin({ epoch, offset: at })
    for (const handle of this.#handles) if (handle.since === undefined) handle.begin({ epoch, offset: tail })
    this.error = null
    this.#setState('subscribed')
    this.presence.subscribed()
    for (const handle of this.#handles) handle.emit('subscribed', {})
  }

  /** Whether this page has not read the topic up to this place. */
  #lacks({ epoch, offset }: TopicPlace): boolean {
    return this.#place?.epoch === epoch && this.#place.offset < offset
  }

  /** If the topic has begun anew, what was read of it before is gone. */
  #enter(epoch: string, offset: number): void {
    if (this.#place && this.#place.epoch !== epoch) this.#skipTo(null, { epoch, offset })
  }

  #skipTo(after: number | null, place: TopicPlace): void {
    this.#place = place
    for (const handle of this.#handles) handle.missed(after, place)
  }

  /** The server has refused the topic, which ends it, or `params()` has failed. */
  #failed(error: RequestError, state: TopicState = 'refused'): void {
    if (this.isOver) return
    this.error = error
    if (state === 'refused') this.#end(state)
    else this.#setState(state)
    for (const handle of this.#handles) handle.emit('error', { error })
  }

  #end(state: TopicState): void {
    this.isOver = true
    this.#stopWaiting()
    this.#setState(state)
    for (const handle of this.#handles) handle.endIterations()
    this.presence.end()
    this.#onOver()
  }

  #stopWaiting(): void {
    this.#cancelLook?.()
    this.#cancelLook = null
    this.#waiting.abort()
    this.#waiting = new AbortController()
  }

  #setState(state: TopicState): void {
    if (this.state === state) return
    this.state = state
    for (const handle of this.#handles) handle.emit('state', { state })
  }
}
