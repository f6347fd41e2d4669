import type { Activation, Host, PageSignal, Violation } from '../api/host.ts'

/** What a host tells of the page. */
export type PageNotice = PageSignal | Activation | Violation

/** Listens to the page for its connection. */
export class PageSignals {
  readonly #host: Host
  readonly #onSignal: (signal: PageNotice) => void
  #stop: (() => void) | null = null
  /** Whether the page is going away: what is to reach the server must outlive it. */
  isLeaving = false

  constructor(host: Host, onSignal: (signal: PageNotice) => void) {
    this.#host = host
    this.#onSignal = onSignal
  }

  start(): void {
    this.#stop ??= this.#host.listen((signal) => {
      // Any other signal comes from a page that is there.
      this.isLeaving = signal.type === 'leaving' || (this.isLeaving && signal.type === 'hidden')
      this.#onSignal(signal)
    })
  }

  stop(): void {
    this.#stop?.()
    this.#stop = null
  }
}
