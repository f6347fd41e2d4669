import type { Call } from './call.ts'

/**
 * Starts the calls that append to one stream one after the other. A cluster's client needs it: commands that it had sent to a
 * server that is no longer the master of a slot are resent after those that it has sent to the new master in the meantime.
 */
export class StreamOrder {
  /** For each stream with a pending call: the calls that wait for it. */
  readonly #streams = new Map<string, Call[]>()
  readonly #start: (call: Call) => void

  constructor(start: (call: Call) => void) {
    this.#start = start
  }

  add(stream: string, call: Call): void {
    const waiting = this.#streams.get(stream)
    if (waiting) {
      waiting.push(call)
      return
    }
    this.#streams.set(stream, [])
    this.#run(stream, call)
  }

  #run(stream: string, call: Call): void {
    const next = () => this.#next(stream)
    call.result.then(next, next).catch((error) => this.#failed(stream, error))
    this.#start(call)
  }

  #next(stream: string): void {
    const waiting = this.#streams.get(stream) ?? []
    const at = waiting.findIndex(({ isOver }) => !isOver)
    const call = waiting[at]
    if (!call) {
      this.#streams.delete(stream)
      return
    }
    this.#run(stream, call)
    waiting.splice(0, at + 1)
  }

  /** The next call could not be started: it fails, and with that the one behind it is started. */
  #failed(stream: string, error: unknown): void {
    const call = this.#streams.get(stream)?.find(({ isOver }) => !isOver)
    call?.fail(error)
  }
}
