import type { Since, Topic, TopicOptions } from '../api/calls.ts'
import type { CallsPort } from '../api/mode.ts'
import { fail, mustBeOptions } from '../util/check-options.ts'
import { isSince, isTopicName, presencePrefix } from '../wire/calls.ts'
import { SharedTopic } from './shared-topic.ts'
import { TopicHandle } from './topic-handle.ts'
import type { TopicsSession } from './topics-session.ts'

/** The topics of a page: one subscription of the session for each, shared by all uses of the topic. */
export class Topics<In, Out> {
  readonly #port: CallsPort<In, Out>
  readonly #session: TopicsSession
  #shared: Map<string, SharedTopic<In, Out>> | null = null

  constructor(port: CallsPort<In, Out>, session: TopicsSession) {
    this.#port = port
    this.#session = session
  }

  /** @throws TypeError for an invalid topic or option */
  subscribe(name: string, options: TopicOptions): Topic<In, Out> {
    checkTopic(name)
    const { since, params } = checkedOptions(options)
    const topics = this.#open()
    let shared = topics.get(name)
    if (!shared || shared.isOver) {
      shared = new SharedTopic(name, this.#port, this.#session, () => this.#forget(name))
      topics.set(name, shared)
    }
    const handle = new TopicHandle<In, Out>(shared, since, (error) => this.#port.host.report(error))
    shared.add(handle, since, params)
    return handle
  }

  /** Listens to the client's events from the first topic on. */
  #open(): Map<string, SharedTopic<In, Out>> {
    if (this.#shared) return this.#shared
    const topics = new Map<string, SharedTopic<In, Out>>()
    this.#shared = topics
    const { streams } = this.#session
    this.#port.on('message', ({ topic, id, data }) => {
      const [stream, offset] = id.split('.')
      if (!topic || stream === undefined) return
      const shared = topics.get(topic)
      const place = shared && streams.get(+stream)
      if (place) shared.received(data, { epoch: place.epoch, offset: Number(offset) })
      else this.#withPresence(topic)?.presence.changed(data)
    })
    this.#port.on('gap', ({ topic, after, resumesAt }) => {
      // `resumesAt` is `null` in plain mode only.
      if (resumesAt !== null) topics.get(topic)?.missed({ after, resumesAt }, streams.placeOf(topic)?.epoch ?? '')
      this.#withPresence(topic)?.presence.missed()
    })
    this.#port.on('open', ({ resumed }) => {
      if (!resumed) for (const shared of topics.values()) shared.restore()
    })
    this.#port.on('close', ({ final }) => {
      if (final) for (const shared of topics.values()) shared.closed()
    })
    return topics
  }

  /** The topics in use. */
  get names(): readonly string[] {
    return [...(this.#shared?.keys() ?? [])]
  }

  /** The server has ended a subscription; `isMissed`: while this page was away. */
  unsubscribed(topic: string, isMissed = false): void {
    const shared = this.#shared?.get(topic)
    if (isMissed) shared?.restore(true)
    else shared?.unsubscribedByServer()
    const read = this.#withPresence(topic)
    read?.presence.restore()
    read?.unsubscribedByServer()
  }

  /** The topic whose joins and leaves are published in this one. */
  #withPresence(topic: string): SharedTopic<In, Out> | undefined {
    return topic.startsWith(presencePrefix) ? this.#shared?.get(topic.slice(presencePrefix.length)) : undefined
  }

  #forget(name: string): void {
    if (this.#shared?.get(name)?.isOver) this.#shared.delete(name)
  }
}

function checkTopic(name: unknown): void {
  if (!isTopicName(name)) fail('the topic of subscribe()', name, 'a string of 1 to 1,024 characters')
}

function checkedOptions(options: TopicOptions): { readonly since: Since | undefined; readonly params: unknown } {
  mustBeOptions('subscribe()', options, ['since', 'params'])
  const { since, params } = options
  if (!isSince(since)) fail('subscribe().since', since, "an offset, 'start', or { last: n }")
  if (typeof params !== 'function' && !isJson(params)) fail('subscribe().params', params, 'JSON, or a function that returns it')
  return { since, params }
}

function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}
