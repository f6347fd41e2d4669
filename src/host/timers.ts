/** The platform's wall clock and timers, for rendering (the entries for frameworks) and not for connections. */
export const timers = {
  /** Returns `Date.now()`. */
  now: () => Date.now(),
  /** Calls `run` after `delayMs` milliseconds; returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
