import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import { deliveredBy } from '../sending/final-flush.ts'
import { batchBytes } from '../sending/post-batch.ts'
import type { HttpLink } from './over-http.ts'

/** The timeout of one POST, in milliseconds. */
const postWithinMs = 30_000

/** Sends over HTTP: one POST at a time, since two could overtake each other, each with the texts queued by then. */
export class PostQueue {
  readonly #link: HttpLink
  readonly #host: Host
  readonly #onFailed: (report: Report) => void
  #waiting: string[] = []
  #isPosting = false
  #until = Infinity
  #controller = new AbortController()
  #onIdle = () => {}

  constructor(link: HttpLink, host: Host, onFailed: (report: Report) => void) {
    this.#link = link
    this.#host = host
    this.#onFailed = onFailed
  }

  get isIdle(): boolean {
    return !this.#isPosting && this.#waiting.length === 0
  }

  send(text: string): void {
    this.#waiting.push(text)
    if (!this.#isPosting) this.#post().catch((error) => this.#host.report(error))
  }

  /** Calls `done` when all texts were sent, or after `limitMs`. */
  finish(limitMs: number, done: () => void): void {
    this.#until = this.#host.now() + limitMs
    const cancelLimit = this.#host.after(limitMs, () => this.#controller.abort())
    this.#onIdle = () => {
      cancelLimit()
      done()
    }
    if (this.isIdle) this.#onIdle()
  }

  /** Drops the queue and aborts the current POST. */
  stop(): void {
    this.#waiting = []
    this.#controller.abort()
  }

  async #post(): Promise<void> {
    this.#isPosting = true
    const host = this.#host
    while (this.#waiting.length) {
      const controller = new AbortController()
      this.#controller = controller
      const done = this.#link.writeLines(this.#batch(), controller.signal)
      const delivery = await deliveredBy({ controller, done }, Math.min(host.now() + postWithinMs, this.#until), host)
      if (delivery.outcome !== 'sent') {
        this.#waiting = []
        this.#onFailed(delivery.report)
      }
    }
    this.#isPosting = false
    this.#onIdle()
  }

  #batch(): string[] {
    let length = 0
    const count = this.#waiting.findIndex((text) => {
      length += text.length
      return length > batchBytes
    })
    return this.#waiting.splice(0, count < 0 ? this.#waiting.length : Math.max(1, count))
  }
}
