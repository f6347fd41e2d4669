import type { Payload } from '../api/protocol.ts'
import type { CloseFrame, Hello } from '../wire/steadfast-v1.ts'
import { bytesOf, copyOf } from './bytes.ts'
import type { DialAnswer, Door, Wire } from './contracts.ts'
import { FakeBody, responseOf, textBody } from './fake-response.ts'
import { aborted, broken, marked, refused } from './http-answers.ts'

/** Requests answered at once, with one message each: long-poll and poll in plain mode. */
export class PlainPolling implements Wire {
  readonly takesBytes = true
  #state: 'open' | 'ended' | 'cut' | Exclude<DialAnswer, 'accept'> = 'open'
  #messages: Payload[] = []
  #taken = 0

  /** Whether the next request is another dial. */
  get isOver(): boolean {
    return this.#state !== 'open' && this.#state !== 'cut'
  }

  asked(): Promise<Response> {
    if (this.#state === 'cut') {
      this.#state = 'ended'
      return Promise.reject(broken())
    }
    if (this.#state !== 'open' && this.#state !== 'ended') return refused(this.#state)
    const [message, ...others] = this.#messages
    if (message === undefined) return Promise.resolve(responseOf(204, {}, textBody('')))
    this.#messages = others
    this.#taken += 1
    // The ETag distinguishes two messages with the same text.
    const headers = {
      etag: String(this.#taken),
      'content-type': typeof message === 'string' ? 'text/plain' : 'application/octet-stream',
    }
    const body = new FakeBody(() => {})
    body.push(typeof message === 'string' ? bytesOf(message) : new Uint8Array(message))
    body.end()
    return Promise.resolve(responseOf(200, headers, body))
  }

  get isLeft(): boolean {
    return false
  }

  accept(): void {}

  refuse(answer: Exclude<DialAnswer, 'accept'>): void {
    this.#state = answer
  }

  write(data: Payload): void {
    const length = typeof data === 'string' ? data.length : data.byteLength
    if (!length)
      throw new TypeError(
        'FakeServer: an empty answer to a poll means that there is nothing new, so it carries no empty message.',
      )
    this.#messages.push(typeof data === 'string' ? data : copyOf(data))
  }

  /** A poll has no close. */
  end(): void {}

  cut(): void {
    this.#state = 'cut'
  }
}

/** One attachment of a session over requests answered with a batch: long-poll and poll. */
export class SessionPolling implements Wire {
  readonly takesBytes = false
  readonly #door: Pick<Door, 'after' | 'asksAgain'>
  #state: 'open' | 'ended' | Exclude<DialAnswer, 'accept'> = 'open'
  #isFirst = true
  #close: CloseFrame | null = null
  /** The frames for the current response. */
  #frames: string[] = []
  #held: { readonly answer: () => void; readonly cut: () => void } | null = null

  constructor(door: Pick<Door, 'after' | 'asksAgain'>) {
    this.#door = door
  }

  /** Takes a request of the client. The first one is the dial, whose frames the server has written already. */
  asked(hello: Hello, signal: AbortSignal | undefined): Promise<Response> {
    // A dial that is accepted only to be closed is answered with its frames.
    const isAnswered = this.#isFirst && this.#frames.length > 0
    if (this.#state === 'ended' && !isAnswered)
      return this.#close ? Promise.resolve(marked(410, this.#close)) : Promise.reject(broken())
    if (this.#state !== 'open' && this.#state !== 'ended') return refused(this.#state, true)
    if (!this.#isFirst) {
      // Frames written between two requests are written again from the session's log.
      this.#frames = []
      this.#door.asksAgain(this, hello)
    }
    this.#isFirst = false
    return this.#answered(hello.wait ?? 0, signal)
  }

  get isLeft(): boolean {
    return false
  }

  accept(): void {}

  refuse(answer: Exclude<DialAnswer, 'accept'>): void {
    this.#state = answer
  }

  write(frame: Payload): void {
    this.#frames.push(String(frame))
    this.#held?.answer()
  }

  end(close: CloseFrame): void {
    this.#close = close
    this.write(`x${JSON.stringify(close)}`)
    this.#state = 'ended'
  }

  cut(): void {
    this.#state = 'ended'
    this.#held?.cut()
  }

  /** Responds at once if there is more than the open frame, otherwise with the next frame, or after `waitMs`. */
  #answered(waitMs: number, signal: AbortSignal | undefined): Promise<Response> {
    return new Promise((resolve, reject) => {
      const over = (settle: () => void) => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
        this.#held = null
        settle()
      }
      const answer = () => {
        const text = this.#frames.map((frame) => `data: ${frame}\n\n`).join('')
        over(() => resolve(responseOf(200, { 'content-type': 'text/event-stream' }, textBody(text))))
      }
      const onAbort = () => over(() => reject(aborted()))
      let cancel = () => {}
      if (!waitMs || this.#frames.length > 1) {
        answer()
        return
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      cancel = this.#door.after(waitMs, answer)
      this.#held = { answer, cut: () => over(() => reject(broken())) }
    })
  }
}
