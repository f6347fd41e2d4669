/**
 * Runs actions later, in the order in which they were pushed.
 *
 * It is one direction of a slow link: bytes, the FIN behind them and a reset all go through it, so that none overtakes another,
 * even while the delay changes.
 */
export class DelayLine {
  readonly #queue: { readonly due: number; readonly act: () => void }[] = []
  #timer: NodeJS.Timeout | undefined

  /** Runs the action at the time `due` (by `performance.now()`) or after all earlier ones, whichever is later. */
  push(act: () => void, due: number): void {
    if (this.#queue.length === 0 && due <= performance.now()) {
      act()
      return
    }
    this.#queue.push({ due, act })
    this.#arm()
  }

  clear(): void {
    this.#queue.length = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    const [next] = this.#queue
    if (next === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        while (this.#queue[0] !== undefined && this.#queue[0].due <= performance.now()) this.#queue.shift()?.act()
        this.#arm()
      },
      Math.max(0, Math.ceil(next.due - performance.now())),
    )
  }
}
