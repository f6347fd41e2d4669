/** The store's environment in a process. It is a port, so that parts of the store also run under a virtual clock. */
export interface RedisHost {
  /** Wall-clock milliseconds. */
  now(): number
  /** Milliseconds of a monotonic clock. */
  elapsedMs(): number
  /** Runs a function once; the timer does not keep the process alive. Returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void
  randomId(): string
}
