import type { Payload } from '../api/protocol.ts'
import type { MessageDetails } from './contracts.ts'
import type { SessionRecord } from './session-record.ts'

/** A client's session at a fake server. It goes on while the connections that carry it come and go. */
export class FakeSession<In> {
  readonly id: string
  readonly #record: SessionRecord
  readonly #encode: (data: In) => Payload

  constructor(record: SessionRecord, encode: (data: In) => Payload) {
    this.id = record.id
    this.#record = record
    this.#encode = encode
  }

  /** The subprotocol that was chosen for a client of `steadfast/socket`; `''` if there is none. */
  get protocol(): string {
    return this.#record.protocol ?? ''
  }

  /** Whether a connection carries it now. */
  get isAttached(): boolean {
    return this.#record.attachments.size > 0
  }

  /** The code and the reason with which it ended; `null` while it has not. */
  get ended(): { readonly code: number; readonly reason?: string } | null {
    const { ended } = this.#record
    return ended?.application === undefined ? ended : { ...ended, code: ended.application }
  }

  /**
   * Sends a message to the client, which gets it once: now, or when it is back.
   * @throws Error where the session has ended or was forgotten
   */
  send(data: In, { topic, ...details }: MessageDetails = {}): void {
    const { id, name } = details
    if (id !== undefined || name !== undefined)
      throw new TypeError('FakeServer: send() takes `id` and `name` in plain mode alone.')
    this.#mustLive('send()')
    this.#record.send(this.#encode(data), topic)
  }

  /**
   * The server ends the session for good, as `session.close()` of `steadfast/server` does. A client that is away learns it when
   * it comes back. To a client of `steadfast/socket` each code is the application's.
   * @param code @defaultValue 4410; 1000 for a client of `steadfast/socket`
   * @throws Error where the session has ended or was forgotten
   */
  end(code = this.#record.protocol === undefined ? 4410 : 1000, reason = ''): void {
    this.#mustLive('end()')
    this.#record.end({ code, reason })
  }

  /**
   * The server's log loses what it holds of a topic. A client that is away and has not had it gets a `gap` event when it is back.
   * @throws Error where the session has ended or was forgotten
   */
  loseMessages(topic: string): void {
    this.#mustLive('loseMessages()')
    this.#record.lose(topic)
  }

  /**
   * Asks the client for fresh credentials: it calls `prepare()`, whose `auth` is then `connection.auth`.
   * @throws Error where the session has ended or was forgotten
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
