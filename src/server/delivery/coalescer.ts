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
  /** The length of the messages to be written together, in characters or bytes; -1 if nothing is deferred. */
  #length = -1

  /** @param flush writes the deferred messages */
  constructor(iteration: LoopIteration, flush: () => void) {
    this.#iteration = iteration
    this.#flush = flush
  }

  /** Whether to write a message of this length, in characters or bytes, at once; if so, the caller does. */
  mayWrite(length: number): boolean {
    const { number } = this.#iteration
    if (number === this.#wroteIn && length < largeBytes) return false
    this.#wroteIn = number
    return true
  }

  /** Has a message flushed with the others. */
  defer(length: number): void {
    const isDeferred = this.#length >= 0
    this.#length = Math.max(0, this.#length) + length
    if (!isDeferred)
      this.#iteration.defer(() => {
        this.#length = -1
        this.#flush()
      })
    if (this.#length < maxFrameLength) return
    this.#length = 0
    this.#flush()
  }
}
