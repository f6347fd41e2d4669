import { codes } from '../../wire/steadfast-v1.ts'
import { callValueOf, replyIn } from '../calls/call-data.ts'
import { askOptions, type SessionRequestOptions } from '../calls/client-requests.ts'
import type { Payload, SessionRecord } from '../store/ports.ts'
import { messageEntry } from '../store/private-entries.ts'
import { sessionDataOf } from '../util/json.ts'
import { mustBeOptions } from '../util/option-checks.ts'
import { kindOf, payloadOf } from '../util/payload.ts'
import { isThenable, no, started, yes } from '../util/thenable.ts'
import { checkClose } from './check-close.ts'
import type { SessionCommands } from './commands-port.ts'
import { isAttached } from './presence-change.ts'
import { amended } from './record.ts'
import { checkSince, checkTopic, type SubscribeOptions, type SubscribingSession, subscribe, unsubscribe } from './subscribe.ts'

/** The owner of a session, as `authenticate` returned it; plain JSON. */
export interface Principal {
  /** Two principals with the same id are the same. */
  readonly id: string
  /**
   * When the credentials expire, in milliseconds since 1970. Before then the server asks the client of an open connection for
   * fresh ones, and ends its attachment with 4401 if it sends none.
   * @defaultValue never
   */
  readonly expiresAt?: number | null | undefined
  readonly [member: string]: unknown
}

/**
 * The members that every principal must have; an interface or a class of the application is accepted. Of a class instance the
 * server keeps the data, not the methods.
 */
export type AnyPrincipal = Pick<Principal, 'id' | 'expiresAt'>

/** What can be sent without a codec: text or bytes. */
export type Sendable = string | ArrayBuffer | ArrayBufferView

/** Encodes the application's values as messages, and decodes them; `json()` of `steadfast` is one. */
export interface ServerCodec<In, Out> {
  /** Encodes a value that is sent or published; the call rejects with whatever it throws. */
  encode(value: Out): Sendable
  /** Decodes a message of a client. An error that it throws counts as thrown by the handler. */
  decode(payload: string | ArrayBuffer): In
}

/**
 * The application's handle of a session, on whichever node the session is attached. The handle has no state of its own: all state
 * is in the store. Its methods resolve once the store holds the change, with `false` if the session has ended, and reject if the
 * store fails; a rejection that is not handled is reported and does not end the process.
 */
export interface Session<Who extends AnyPrincipal = Principal, Data = unknown, Out = Sendable> {
  /** Unguessable, from the client. A client of the same principal that knows it can take the session over: do not log it. */
  readonly id: string
  /** The principal that created the session, as `authenticate` last returned it: its role may change while the session lasts. */
  readonly principal: Who
  /** The subprotocol of a client of `steadfast/socket`, as `protocol` of a WebSocket; `''` if there is none. */
  readonly protocol: string
  /** Whether a client is attached, on any node, as this node last read it. */
  readonly isAttached: boolean
  /** The application's state of the session, as this node last read it; `null` at first. Read-only: `update()` changes it. */
  readonly data: Data | null
  /**
   * Replaces `data` with a JSON value, or with a function's result for the current one; a function may run again when several
   * nodes update at once: it must have no side effects.
   * @throws TypeError or RangeError (`limits.maxDataBytes`)
   */
  update(change: Data | ((data: Data | null) => Data)): Promise<boolean>
  /** Reads `data` from the store again. */
  reload(): Promise<boolean>
  /**
   * Sends to this session alone, in the order of the calls. While its client is attached here and more than 1 MiB waits to be
   * written to it, the promise resolves when there is room: a caller that awaits it sends no faster than the client reads.
   */
  send(data: Out): Promise<boolean>
  /**
   * Bytes that `send()` has sent on this node and the client has not acknowledged, as far as this node knows, each message with
   * 64 bytes of overhead, about what a store needs for it. A client acknowledges every second and every MiB; acknowledgements
   * that reach another node count here only after a call of `drained()`.
   */
  readonly unreadBytes: number
  /**
   * Resolves with `true` once `unreadBytes` is at most `maxUnreadBytes`, with `false` once the session has ended or is unknown.
   * It waits for as long as the session lasts, with or without a client: await it before sending more than the store keeps.
   * @param maxUnreadBytes a number of bytes.
   * @defaultValue 262,144 (256 KiB)
   * @throws TypeError for anything but a non-negative number
   */
  drained(maxUnreadBytes?: number): Promise<boolean>
  /** Sends a request, which the client's `onrequest` answers; waits while it is away. @throws RequestError without a reply */
  request<Reply = unknown>(data: Out, options?: SessionRequestOptions): Promise<Reply>
  /**
   * Subscribes the session to one or several topics: its client receives what is published from now on, or what was published
   * `since`. Existing subscriptions stay as they are; the client can no longer end its own to one of the topics. Rejects with a
   * `RangeError` beyond `limits.maxSubscriptions`.
   */
  subscribe(topic: string | readonly string[], options?: SubscribeOptions): Promise<boolean>
  /** Ends the subscription to a topic, the client's own too: its client receives nothing more from it, and no presence. */
  unsubscribe(topic: string): Promise<boolean>
  /**
   * Ends the session for good, after everything that was sent to it. Its client stops, once the messages that it sent are handled
   * but after 5 s at most, and receives the code (4410, 4401, 4403, or one of your own from 4000 to 4999 that the protocol does not
   * use) and the reason, even if it reconnects only later. A handler may end its own session, and is not run again in the next. A
   * client of `steadfast/socket` gets codes as a WebSocket does: 1000 unless given, 1001 to 1014 without 1004, or any from 3000
   * to 4999. There 1005 closes without a code, and 1006 like a broken connection: the page sees `error`, then `close` with 1006.
   * Resolves with whether this call ended the session.
   */
  close(code?: number, reason?: string): Promise<boolean>
}

export class SessionHandle implements Session {
  readonly id: string
  readonly #epoch: string
  readonly #commands: SessionCommands
  #snapshot: SessionRecord

  constructor(commands: SessionCommands, id: string, record: SessionRecord) {
    this.id = id
    this.#epoch = record.epoch
    this.#commands = commands
    this.#snapshot = record
  }

  get principal(): Principal {
    return this.#record.principal as Principal
  }

  get data(): unknown {
    return this.#record.data
  }

  get protocol(): string {
    return this.#record.protocol ?? ''
  }

  get isAttached(): boolean {
    return isAttached(this.#record)
  }

  get unreadBytes(): number {
    return this.#commands.unreadBytes(this.id, this.#epoch)
  }

  get #record(): SessionRecord {
    return this.#commands.known(this.id, this.#epoch) ?? this.#snapshot
  }

  update(change: unknown): Promise<boolean> {
    const { maxDataBytes } = this.#commands.limits
    const fixed = typeof change === 'function' ? undefined : sessionDataOf(change, maxDataBytes)
    return this.#promise(() =>
      this.#amend((record) => {
        const data = typeof change === 'function' ? sessionDataOf(change(record.data), maxDataBytes) : fixed
        return amended(record, { data })
      }),
    )
  }

  reload(): Promise<boolean> {
    return this.#promise(() => this.#amend((record) => record))
  }

  send(data: Sendable): Promise<boolean> {
    const { codec, limits } = this.#commands
    const payload = payloadOf(codec ? codec.encode(data) : data, 'session.send', limits.maxMessageBytes)
    return this.#promise(() => {
      if (this.#commands.known(this.id, this.#epoch)?.ended) return no
      const answer = this.#commands.sessions.append(this.id, this.#epoch, messageEntry(payload))
      return isThenable(answer) ? answer.then((offset) => this.#sent(offset, payload)) : this.#sent(answer, payload)
    })
  }

  #sent(offset: number | null, data: Payload): Promise<boolean> {
    if (offset === null) return no
    const room = this.#commands.sent(this.id, this.#epoch, { offset, data })
    return room ? room.then(() => true) : yes
  }

  request<Reply>(data: Sendable, options: SessionRequestOptions = {}): Promise<Reply> {
    const value = callValueOf(data, this.#commands, 'session.request')
    const asked = this.#commands.request(this.id, this.#epoch, value, askOptions(options))
    const reply = asked.then((each) => replyIn(each, this.#commands) as Reply)
    // If the caller ignores the promise, its rejection must not end the process.
    reply.catch(() => {})
    return reply
  }

  drained(maxUnreadBytes = 262_144): Promise<boolean> {
    if (!(typeof maxUnreadBytes === 'number' && maxUnreadBytes >= 0))
      throw new TypeError(`RealtimeServer: session.drained() takes a number of bytes, from 0; it was ${kindOf(maxUnreadBytes)}.`)
    return this.#promise(() => this.#commands.drained(this.id, this.#epoch, maxUnreadBytes))
  }

  subscribe(topic: string | readonly string[], options: SubscribeOptions = {}): Promise<boolean> {
    const topics = typeof topic === 'object' ? [...new Set(topic)] : [topic]
    for (const each of topics) checkTopic(each, 'session.subscribe')
    mustBeOptions('session.subscribe', options, ['since'])
    checkSince(options.since)
    return this.#promise(() => subscribe(this.subscribing, topics, options.since))
  }

  unsubscribe(topic: string): Promise<boolean> {
    checkTopic(topic, 'session.unsubscribe')
    // What was published before still arrives.
    this.#commands.flush(topic)
    return this.#promise(() => unsubscribe(this.subscribing, topic))
  }

  close(code?: number, reason = ''): Promise<boolean> {
    const isSocket = this.#record.protocol !== undefined
    checkClose(code, reason, 'session.close', isSocket)
    return this.#promise(() => this.#commands.end(this.id, this.#epoch, code ?? (isSocket ? 1000 : codes.ended), reason))
  }

  /** The session, as a target of subscription changes. */
  get subscribing(): SubscribingSession {
    const { sessions, topics, limits } = this.#commands
    return {
      topics,
      limits,
      amend: (change) => this.#amend(change),
      append: async (entry) => (await sessions.append(this.id, this.#epoch, entry)) !== null,
    }
  }

  async #amend(change: (record: SessionRecord) => SessionRecord): Promise<boolean> {
    const record = await this.#commands.amend(this.id, this.#epoch, change)
    if (record) this.#snapshot = record
    return record !== null
  }

  /** Handlers often leave a promise unhandled, and its rejection must not end the process. */
  #promise(run: () => PromiseLike<boolean>): Promise<boolean> {
    const promise = started(run)
    if (promise !== yes) promise.catch((error) => this.#commands.report(error))
    return promise
  }
}
