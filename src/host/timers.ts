/** The wall clock and timers of the platform, for what is drawn and not for what is connected: the entries for frameworks. */
export const timers = {
  /** As `Date.now()`. */
  now: () => Date.now(),
  /** Calls `run` after `delayMs`, unless the function that it returns is called before. */
  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
