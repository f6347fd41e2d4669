import type { Host } from '../api/host.ts'
import type { Attempt } from './attempt.ts'

/** The link of a client that was closed. */
export class ClosingLink {
  readonly #host: Host
  #leave: (() => void) | null = null

  constructor(host: Host) {
    this.#host = host
  }

  /** Ends the link in order, after what was written. */
  close({ link }: Attempt, code: number | undefined, reason: string): void {
    try {
      link?.close(code, reason)
    } catch (error) {
      // Whatever a link makes of it, the client is closed.
      this.#host.report(error)
    }
  }

  /** Ends the link when `settled` is, so that its last acknowledgments are heard, or when the client dials again. */
  closeAfter(settled: Promise<void>, attempt: Attempt, code: number | undefined, reason: string): void {
    this.#leave = () => {
      this.#leave = null
      this.close(attempt, code, reason)
      attempt.controller.abort()
    }
    const leave = () => this.leave()
    settled.then(leave, leave)
  }

  /** Ends the link now, if it is still there. */
  leave(): void {
    this.#leave?.()
  }
}
