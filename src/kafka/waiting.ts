import type { ServerHost } from '../server/node/host.ts'
import { within } from '../server/util/within.ts'

/** The part of a host that timeouts need. */
export type WaitingHost = Pick<ServerHost, 'after' | 'elapsedMs'>

/** The pause before a failed call is retried, in milliseconds. */
const retryPauseMs = 100

/** The lifetime of an object whose pending calls reject when it ends. */
export class Life {
  readonly #name: string
  readonly #waiting = new Set<(error: Error) => void>()
  #isOver = false

  constructor(name: string) {
    this.#name = name
  }

  get isOver(): boolean {
    return this.#isOver
  }

  check(): void {
    if (this.#isOver) throw this.#error()
  }

  /** Calls `fail` at the end; returns a function that cancels that. */
  onEnd(fail: (error: Error) => void): () => void {
    this.#waiting.add(fail)
    return () => this.#waiting.delete(fail)
  }

  end(): void {
    this.#isOver = true
    for (const fail of this.#waiting) fail(this.#error())
    this.#waiting.clear()
  }

  #error(): Error {
    return new Error(`${this.#name} was closed.`)
  }
}

/** A deadline for one call. */
export class Deadline {
  readonly #host: WaitingHost
  readonly #life: Life
  readonly #at: number
  readonly #ms: number

  constructor(host: WaitingHost, life: Life, ms: number) {
    this.#host = host
    this.#life = life
    this.#ms = ms
    this.#at = host.elapsedMs() + ms
  }

  get leftMs(): number {
    return Math.max(0, this.#at - this.#host.elapsedMs())
  }

  late(cause?: unknown): Error {
    const message = `kafkaTopics: Kafka did not answer within ${this.#ms} ms.`
    return cause === undefined ? new Error(message) : new Error(message, { cause })
  }

  /** @param cause why it is still pending, if it is at the deadline */
  async within<Result>(promise: Promise<Result>, cause?: () => unknown): Promise<Result> {
    // Nothing else may handle its rejection.
    promise.catch(() => {})
    this.#life.check()
    let forget = () => {}
    const ended = new Promise<never>((_, reject) => {
      forget = this.#life.onEnd(reject)
    })
    const both = Promise.race([promise, ended])
    return within(both, Math.max(1, this.leftMs), this.#host, () => this.late(cause?.())).finally(forget)
  }

  /** Retries until the deadline: a broker that restarts is back soon. */
  async retry<Result>(run: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await this.within(run())
      } catch (error) {
        this.#life.check()
        if (this.leftMs <= retryPauseMs) throw this.late(error)
        await this.within(new Promise<void>((resolve) => this.#host.after(retryPauseMs, resolve)))
      }
    }
  }
}

/** Calls that arrive during a run share the next run, since they may have to see later changes. */
export class Coalesced<Result> {
  readonly #run: () => Promise<Result>
  #running: Promise<Result> | null = null
  #next: Promise<Result> | null = null

  constructor(run: () => Promise<Result>) {
    this.#run = run
  }

  call(): Promise<Result> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#start()
      })
    return this.#next
  }

  #start(): Promise<Result> {
    const running = this.#run().finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }
}
