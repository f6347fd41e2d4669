/** What the store needs of the process, passed in so that parts of it also run under a virtual clock. */
export interface RedisHost {
  /** Wall-clock milliseconds. */
  now(): number
  /** Milliseconds of a clock that is never set. */
  elapsedMs(): number
  /** Runs something once; the timer does not keep the process alive. Returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void
  randomId(): string
}
