import type { LoopIteration } from '../util/loop-iteration.ts'
import { largeBytes, maxFrameLength } from './frame-batch.ts'

/**
 * Coalesces small messages into frames: the first one of an event-loop iteration is written at once, so that a lone message never waits,
 * and those after it are written together when the iteration ends, or before that when they fill a frame.
 */
export class Coalescer {
  readonly #iteration: LoopIteration
  readonly #flush: () => void
  /** The last iteration in which a message was written at once. */
  #wroteIn = -1
  /** The bytes to be written together; -1 if nothing is deferred. */
  #bytes = -1

  /** @param flush writes the deferred messages */
  constructor(iteration: LoopIteration, flush: () => void) {
    this.#iteration = iteration
    this.#flush = flush
  }

  /** Whether to write a message of so many bytes at once; if so, the caller does. */
  mayWrite(bytes: number): boolean {
    const { number } = this.#iteration
    if (number === this.#wroteIn && bytes < largeBytes) return false
    this.#wroteIn = number
    return true
  }

  /** Has a message flushed with the others. */
  defer(bytes: number): void {
    const isDeferred = this.#bytes >= 0
    this.#bytes = Math.max(0, this.#bytes) + bytes
    if (!isDeferred)
      this.#iteration.defer(() => {
        this.#bytes = -1
        this.#flush()
      })
    if (this.#bytes < maxFrameLength) return
    this.#bytes = 0
    this.#flush()
  }
}
