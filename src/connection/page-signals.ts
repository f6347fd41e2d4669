import type { Host, PageSignal } from '../api/host.ts'

export interface PageSignalsPort {
  readonly host: Host
  /** The network is another one. */
  onOnline(): void
  /** A content security policy forbade a request. */
  onViolation(blockedUrl: string, directive: string): void
  /** A prerendered page is shown. */
  onActivated(): void
  /** Anything else that the page has to say. */
  onSignal(signal: PageSignal): void
}

/** Hears of the page for its connection. */
export class PageSignals {
  readonly #port: PageSignalsPort
  #stop: (() => void) | null = null
  /** Whether the page is going away: what is to reach the server must outlive it. */
  isLeaving = false

  constructor(port: PageSignalsPort) {
    this.#port = port
  }

  start(): void {
    const { host, onOnline, onViolation, onActivated, onSignal } = this.#port
    this.#stop ??= host.listen((signal) => {
      if (signal.type === 'online') onOnline()
      // Any other signal comes from a page that is there.
      this.isLeaving = signal.type === 'leaving' || (this.isLeaving && signal.type === 'hidden')
      if (signal.type === 'violation') onViolation(signal.blockedUrl, signal.directive)
      else if (signal.type === 'activated') onActivated()
      else onSignal(signal)
    })
  }

  stop(): void {
    this.#stop?.()
    this.#stop = null
  }
}
