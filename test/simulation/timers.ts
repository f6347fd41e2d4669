import type { Being, Clock } from './clock.ts'

/** The timers of a host, counted, so that timers left running are detected. */
export class Timers {
  count = 0
  readonly #clock: Clock
  readonly #being: Being

  constructor(clock: Clock, being: Being) {
    this.#clock = clock
    this.#being = being
  }

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    this.count += 1
    let isOver = false
    const over = () => {
      if (!isOver) this.count -= 1
      isOver = true
    }
    const cancel = this.#clock.after(this.#being, delayMs, () => {
      over()
      run()
    })
    return () => {
      over()
      cancel()
    }
  }
}
