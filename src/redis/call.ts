import type { Argument } from './clients/contracts.ts'
import type { Bounded } from './deadlines.ts'
import { errorOf } from './failures.ts'
import type { Script } from './scripts/script.ts'

interface CallSettings {
  readonly serial: number
  readonly timeoutMs: number
  onTimeout(call: Call): void
}

/** A call of a script, with a timeout. */
export class Call implements Bounded {
  readonly script: Script
  readonly bucket: number
  readonly args: readonly Argument[]
  /** Its sequence number among all calls of the link. */
  readonly serial: number
  readonly result: Promise<readonly unknown[]>
  isOver = false
  startedAt = 0
  sentAt = 0
  readonly #timeoutMs: number
  #resolve: (reply: readonly unknown[]) => void = () => {}
  #reject: (error: Error) => void = () => {}
  /** Why it was not sent, or has to be sent again. */
  #cause: unknown

  readonly #onTimeout: (call: Call) => void

  constructor(script: Script, bucket: number, args: readonly Argument[], { serial, timeoutMs, onTimeout }: CallSettings) {
    this.script = script
    this.bucket = bucket
    this.args = args
    this.serial = serial
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  waits(cause: unknown): void {
    this.#cause = cause
  }

  resolve(reply: readonly unknown[]): void {
    if (this.isOver) return
    this.isOver = true
    this.#resolve(reply)
  }

  reject(error: Error): void {
    if (this.isOver) return
    this.isOver = true
    this.#reject(error)
  }

  fail(error: unknown): void {
    this.reject(errorOf(error, this.script.name))
  }

  timedOut(): void {
    const why = this.#cause instanceof Error ? ` The last error was: ${this.#cause.message}` : ''
    this.reject(
      new Error(`redisStore: ${this.script.name} had no answer from Redis within ${this.#timeoutMs} ms (timeoutMs).${why}`, {
        cause: this.#cause,
      }),
    )
    this.#onTimeout(this)
  }
}
