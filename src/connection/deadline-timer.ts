import type { Host } from '../api/host.ts'

/** The one timer of a connection. */
export class DeadlineTimer {
  readonly #host: Host
  readonly #onDue: () => void
  #at = Infinity
  #cancel: (() => void) | null = null

  constructor(host: Host, onDue: () => void) {
    this.#host = host
    this.#onDue = onDue
  }

  /** Fires at `due` or earlier: an early timer is armed again, since moving it later with every message would cost more. */
  arm(due: number): void {
    if (due >= this.#at && due < Infinity) return
    this.#cancel?.()
    this.#at = due
    if (due === Infinity) return
    this.#cancel = this.#host.after(Math.max(0, due - this.#host.now()), () => {
      this.#at = Infinity
      this.#onDue()
    })
  }

  /** Fires at `due` and not earlier, so that an idle page is not woken in vain. */
  rearm(due: number): void {
    this.#cancel?.()
    this.#at = Infinity
    this.arm(due)
  }
}
