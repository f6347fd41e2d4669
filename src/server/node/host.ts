/**
 * What a server node needs from its surroundings. It is a port, so that a node runs in a process and under a virtual clock
 * without a line of difference; `process-host.ts` is the real one.
 */
export interface ServerHost {
  /** Wall-clock milliseconds, which may jump: for what people and other machines read, never for an interval. */
  now(): number
  /** Milliseconds since some fixed moment, by a clock that nobody sets. Every interval of a node is measured by it. */
  elapsedMs(): number
  /** Runs something once, later, never in this task; returns the way to cancel it. With 0 it is run as soon as what has come in meanwhile has had its turn. */
  after(delayMs: number, run: () => void): () => void
  /** A number in [0, 1), as `Math.random()`. */
  random(): number
  /** Letters, digits, `-` and `_` that were never given before. */
  randomId(): string
  /** Reports an error that belongs to the application or to the store without stopping the server. */
  report(error: unknown): void
}
