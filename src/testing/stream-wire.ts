import type { Payload } from '../api/protocol.ts'
import type { CloseFrame } from '../wire/steadfast-v1.ts'
import { bytesOf } from './bytes.ts'
import type { DialAnswer, Door, MessageDetails, Receiver, Wire } from './contracts.ts'
import { FakeBody, responseOf } from './fake-response.ts'
import { aborted, refused } from './http-answers.ts'

/** The longest silence of a session's event stream, in milliseconds (docs/PROTOCOL.md, rule 6). */
const commentEveryMs = 25_000

/** An event stream. In a session it sends comments as heartbeats, as the protocol demands. */
export class StreamWire implements Wire {
  readonly takesBytes = false
  /** Settled when the stream is accepted or refused. */
  readonly response: Promise<Response>
  readonly #door: Pick<Door, 'after'>
  readonly #isSession: boolean
  readonly #body: FakeBody
  #respond: (response: Response | Promise<Response>) => void = () => {}
  #receiver: Receiver | null = null
  #cancelComment = () => {}

  constructor(door: Pick<Door, 'after'>, signal: AbortSignal | undefined, isSession: boolean) {
    this.#door = door
    this.#isSession = isSession
    this.#body = new FakeBody(() => this.#hungUp())
    this.response = new Promise((resolve) => {
      this.#respond = resolve
    })
    signal?.addEventListener(
      'abort',
      () => {
        this.#body.fail(aborted())
        this.#hungUp()
      },
      { once: true },
    )
  }

  get isLeft(): boolean {
    return false
  }

  accept(receiver: Receiver): void {
    this.#receiver = receiver
    this.#respond(responseOf(200, { 'content-type': 'text/event-stream' }, this.#body))
    // A browser may withhold the response's head until the body begins.
    this.#say(':\n\n')
    if (this.#isSession) this.#commentLater()
  }

  refuse(answer: Exclude<DialAnswer, 'accept'>): void {
    this.#respond(refused(answer, this.#isSession))
  }

  write(data: Payload, { id, name }: MessageDetails = {}): void {
    if (typeof data !== 'string') throw new TypeError('FakeServer: an event stream carries text, no bytes.')
    const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
    this.#say(`${name === undefined ? '' : `event: ${name}\n`}${id === undefined ? '' : `id: ${id}\n`}${lines.join('')}\n`)
  }

  end(close: CloseFrame): void {
    if (this.#isSession) this.write(`x${JSON.stringify(close)}`)
    this.#over()
    this.#body.end()
  }

  cut(): void {
    this.#over()
    this.#body.fail(new TypeError('network error'))
  }

  #say(text: string): void {
    this.#body.push(bytesOf(text))
  }

  #hungUp(): void {
    const receiver = this.#receiver
    this.#over()
    receiver?.ended({ by: 'client', code: 1005, reason: '' })
  }

  #over(): void {
    this.#receiver = null
    this.#cancelComment()
  }

  #commentLater(): void {
    this.#cancelComment = this.#door.after(commentEveryMs, () => {
      this.#say(':\n\n')
      this.#commentLater()
    })
  }
}
