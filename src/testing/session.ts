import type { Payload } from '../api/protocol.ts'
import type { MessageDetails } from './contracts.ts'
import type { SessionRecord } from './session-record.ts'
import type { Topics } from './topics.ts'

/** A client's session at a fake server. It outlives the connections that carry it. */
export class FakeSession<In, Out = unknown> {
  readonly id: string
  readonly #record: SessionRecord
  readonly #topics: Topics
  readonly #encode: (data: In) => Payload
  readonly #ask: (data: In, signal: AbortSignal | undefined) => Promise<Out | undefined>

  constructor(
    record: SessionRecord,
    topics: Topics,
    encode: (data: In) => Payload,
    ask: (data: In, signal: AbortSignal | undefined) => Promise<Out | undefined>,
  ) {
    this.id = record.id
    this.#record = record
    this.#topics = topics
    this.#encode = encode
    this.#ask = ask
  }

  /** The chosen subprotocol of a client of `steadfast/socket`; `''` if there is none. */
  get protocol(): string {
    return this.#record.protocol ?? ''
  }

  /** Whether the session has a connection now. */
  get isAttached(): boolean {
    return this.#record.attachments.size > 0
  }

  /** The code and reason with which the session ended; `null` if it has not. */
  get ended(): { readonly code: number; readonly reason?: string } | null {
    const { ended } = this.#record
    return ended?.application === undefined ? ended : { ...ended, code: ended.application }
  }

  /**
   * Sends a message to the client, which receives it exactly once: now, or after it has reconnected.
   * @throws Error if the session has ended or was forgotten
   */
  send(data: In, { topic, ...details }: MessageDetails = {}): void {
    const { id, name } = details
    if (id !== undefined || name !== undefined)
      throw new TypeError('FakeServer: send() takes `id` and `name` in plain mode alone.')
    this.#mustLive('send()')
    const message = this.#encode(data)
    if (topic === undefined) this.#record.streams.send(message)
    else {
      const stream = this.#record.streams.named(topic) ?? this.#record.streams.subscribe(topic, topic, this.#topics.tailOf(topic))
      this.#record.streams.deliver(stream, this.#topics.next(stream.topic), message)
    }
  }

  /** The topics that the client reads, by the client's names. */
  get topics(): readonly string[] {
    return this.#record.streams.all.map(({ name }) => name)
  }

  /**
   * Sends a request to the client (`client.onrequest`), and resolves with its reply. It waits for a disconnected client without a
   * limit: give a `signal` to end that.
   * @throws RequestError, as a rejection, if the client refuses, has no `onrequest`, or the session ends
   * @throws Error if the session has ended or was forgotten
   */
  request(data: In, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Out | undefined> {
    this.#mustLive('request()')
    return this.#ask(data, signal)
  }

  /**
   * Ends a subscription of the client, as when a permission has expired: the client subscribes again, with fresh `params`.
   * @throws Error if the client does not read the topic, or the session has ended or was forgotten
   */
  unsubscribe(topic: string): void {
    this.#mustLive('unsubscribe()')
    if (!this.#record.streams.named(topic))
      throw new Error(`FakeServer: unsubscribe(): the client does not read ${JSON.stringify(topic)}.`)
    this.#record.streams.unsubscribe(topic)
  }

  /**
   * Ends the session for good, as `session.close()` of `steadfast/server` does. A disconnected client learns it when it
   * reconnects. To a client of `steadfast/socket` each code is the application's.
   * @param code @defaultValue 4410; 1000 for a client of `steadfast/socket`
   * @throws Error if the session has ended or was forgotten
   */
  end(code = this.#record.protocol === undefined ? 4410 : 1000, reason = ''): void {
    this.#mustLive('end()')
    this.#record.end({ code, reason })
  }

  /**
   * Makes the server's log lose its messages of a topic. A disconnected client that has missed them gets a `gap` event on its
   * reconnect.
   * @throws Error if the session has ended or was forgotten
   */
  loseMessages(topic: string): void {
    this.#mustLive('loseMessages()')
    const stream = this.#record.streams.named(topic)
    if (stream) stream.lostThrough = stream.offset
  }

  /**
   * Asks the client for fresh credentials: it calls `prepare()`, whose `auth` then appears as `connection.auth`.
   * @throws Error if the session has ended or was forgotten
   */
  askForAuth(): void {
    this.#mustLive('askForAuth()')
    this.#record.challenge()
  }

  #mustLive(what: string): void {
    const { ended, isForgotten } = { ended: this.ended, isForgotten: this.#record.isForgotten }
    if (isForgotten)
      throw new Error(
        `FakeServer: ${what} on a session that forgetSessions() has lost; its client has another by its next connection.`,
      )
    if (ended) throw new Error(`FakeServer: ${what} on a session that has ended (${ended.code} ${ended.reason ?? ''}).`)
  }
}
