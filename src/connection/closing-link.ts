import type { Host } from '../api/host.ts'
import type { Attempt } from './attempt.ts'

/** Closes the link of a client that was closed. */
export class ClosingLink {
  readonly #host: Host
  #leave: (() => void) | null = null

  constructor(host: Host) {
    this.#host = host
  }

  /** Closes the link cleanly, after everything that was written. */
  close({ link }: Attempt, code: number | undefined, reason: string): void {
    try {
      link?.close(code, reason)
    } catch (error) {
      // The client is closed even if the link's `close()` throws.
      this.#host.report(error)
    }
  }

  /** Closes the link when `settled` settles, so that the last acknowledgments are received, or when the client dials again. */
  closeAfter(settled: Promise<void>, attempt: Attempt, code: number | undefined, reason: string): void {
    this.#leave = () => {
      this.#leave = null
      this.close(attempt, code, reason)
      attempt.controller.abort()
    }
    const leave = () => this.leave()
    settled.then(leave, leave)
  }

  /** Closes the link now, if it is still open. */
  leave(): void {
    this.#leave?.()
  }
}
