import type { LoopIteration } from '../util/loop-iteration.ts'
import { Queue } from '../util/queue.ts'

/** How many bytes may be sent to a reader and not yet written to its carrier before the sender has to wait. */
const highWaterBytes = 1_048_576

/**
 * Messages sent to one session from this node and not yet written to any attachment: back-pressure for the sender. A session
 * without an attachment causes none: its messages wait in the log.
 */
export class Unwritten {
  readonly #messages = new Queue<{ readonly offset: number; readonly bytes: number }>()
  readonly #iteration: LoopIteration
  #bytes = 0
  #waiters: (() => void)[] = []

  constructor(iteration: LoopIteration) {
    this.#iteration = iteration
  }

  add(offset: number, bytes: number): void {
    this.#messages.push({ offset, bytes })
    this.#bytes += bytes
  }

  /**
   * Everything up to an offset was written, or the reader is gone (`Infinity`). Waiting senders continue in the next iteration of
   * the event loop: one that sends in a loop would otherwise delay what was just written by the time that the next MiB takes.
   */
  written(through: number): void {
    for (let first = this.#messages.first; first && first.offset <= through; first = this.#messages.first) {
      this.#bytes -= first.bytes
      this.#messages.drop(1)
    }
    if (this.#bytes > highWaterBytes / 2 || this.#waiters.length === 0) return
    if (through === Infinity) this.#release()
    else this.#iteration.defer(() => this.#release())
  }

  /** Resolves when there is room again; `null` while there is. */
  room(): Promise<void> | null {
    if (this.#bytes <= highWaterBytes) return null
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #release(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
