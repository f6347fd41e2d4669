import type { NodeContext } from '../node/node-context.ts'
import { expiryOf, isNearExpiry } from '../session/credential-check.ts'
import type { Principal } from '../session/session-handle.ts'
import type { SessionRecord } from '../store/ports.ts'

/** Decides when the answer to a poll is complete: as soon as it contains news, or when its time is up. */
export class HeldAnswer {
  readonly #node: NodeContext
  /** Until when it is held without news, by the node's monotonic time. */
  #until = 0
  #hasNews = false
  #cancel: (() => void) | null = null

  /** @param wait how long the client allows the answer to be held, in milliseconds */
  constructor(node: NodeContext, wait: number | undefined) {
    this.#node = node
    if (wait) this.#until = node.elapsedMs() + Math.min(wait, node.settings.heartbeatMs)
  }

  /** Whether the answer is to be sent now. */
  get isDue(): boolean {
    return this.#hasNews || this.#node.elapsedMs() >= this.#until
  }

  /**
   * Starts holding the answer: the frames written so far are not news. It asks the client for credentials in time, and holds the
   * answer no longer than they are valid; calls `expired` when its time is up.
   */
  hold(attachment: { write(frame: string): void }, record: SessionRecord, expired: () => void): void {
    const wallClockNow = this.#node.host.now()
    if (isNearExpiry(record, wallClockNow)) attachment.write('c{}')
    const now = this.#node.elapsedMs()
    this.#until = Math.min(this.#until, now + expiryOf(record.principal as Principal) - wallClockNow)
    this.#hasNews = false
    if (this.#until <= now) return
    this.#cancel = this.#node.host.after(this.#until - now, () => {
      // A timer may fire up to a millisecond early.
      this.#until = 0
      expired()
    })
  }

  wrote(): void {
    this.#hasNews = true
  }

  stop(): void {
    this.#cancel?.()
  }
}
