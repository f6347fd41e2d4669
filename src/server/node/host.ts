/**
 * A server node's environment. It is a port, so that the same node runs in a process and under a virtual clock; `process-host.ts`
 * is the real one.
 */
export interface ServerHost {
  /** Wall-clock milliseconds, which may jump: for people and other machines to read, never for an interval. */
  now(): number
  /** Milliseconds since a fixed moment, by a monotonic clock. A node measures all intervals with it. */
  elapsedMs(): number
  /**
   * Runs a function once, later, never in this task; returns a function that cancels it. With 0 it runs as soon as the events
   * that have arrived in the meantime are processed.
   */
  after(delayMs: number, run: () => void): () => void
  /** A number in [0, 1), as `Math.random()`. */
  random(): number
  /** Returns letters, digits, `-` and `_`, never the same twice. */
  randomId(): string
  /** Reports an error of the application or of the store without stopping the server. */
  report(error: unknown): void
}
