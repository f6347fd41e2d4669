import type { ServerHost } from './host.ts'

/**
 * The shortest interval between two acknowledgments of a session, in milliseconds: one for each message would cost as much as the
 * messages.
 */
export const ackEveryMs = 50

/** A session that has an acknowledgment to send. */
export interface AckSource {
  sendAck(): void
}

/** One timer for all sessions of a node whose next acknowledgment is not due yet. */
export class AckTimer {
  readonly #host: ServerHost
  readonly #waiting = new Set<AckSource>()
  #cancel: (() => void) | null = null

  constructor(host: ServerHost) {
    this.#host = host
  }

  /** Calls `sendAck` once, at most `ackEveryMs` later. */
  add(source: AckSource): void {
    this.#waiting.add(source)
    this.#cancel ??= this.#host.after(ackEveryMs, () => {
      const sources = [...this.#waiting]
      this.#waiting.clear()
      this.#cancel = null
      for (const each of sources) each.sendAck()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#waiting.clear()
  }
}
