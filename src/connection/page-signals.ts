import type { Activation, Host, PageSignal, Violation } from '../api/host.ts'

/** What `Host.listen()` reports. */
export type PageNotice = PageSignal | Activation | Violation

/** Listens to the page's events for a connection. */
export class PageSignals {
  readonly #host: Host
  readonly #onSignal: (signal: PageNotice) => void
  #stop: (() => void) | null = null
  /** Whether the page is being unloaded, so that requests must outlive it. */
  isLeaving = false

  constructor(host: Host, onSignal: (signal: PageNotice) => void) {
    this.#host = host
    this.#onSignal = onSignal
  }

  start(): void {
    this.#stop ??= this.#host.listen((signal) => {
      // Any other event shows that the page was not unloaded.
      this.isLeaving = signal.type === 'leaving' || (this.isLeaving && signal.type === 'hidden')
      this.#onSignal(signal)
    })
  }

  stop(): void {
    this.#stop?.()
    this.#stop = null
  }
}
