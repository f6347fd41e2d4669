import type { Carrier } from './carrier.ts'
import type { NodeSettings } from './node-context.ts'

/** A stream whose socket takes nothing for so long is over (rule 6). */
const stuckMs = 30_000
const slowBytesPerMs = 10
const slowestMs = 120_000

/**
 * When an attachment's carrier last showed that it lives, and when its client was last shown (rules 6 and 7). All times are
 * of the node's own (`elapsedMs`).
 */
export class Pulse {
  #heardAt: number
  #wroteAt: number
  #drainedAt: number
  /** What may still be on its way, on a slow link. */
  #bytesSinceHeard = 0
  /** What of the carrier's bytes has been noticed. */
  #bytesHeard = 0

  constructor(now: number) {
    this.#heardAt = now
    this.#wroteAt = now
    this.#drainedAt = now
  }

  heard(now: number): void {
    this.#heardAt = now
    this.#bytesSinceHeard = 0
  }

  wrote(bytes: number, now: number): void {
    this.#wroteAt = now
    this.#bytesSinceHeard += bytes
  }

  drained(now: number): void {
    this.#drainedAt = now
  }

  /** Time has passed: what is wrong with the carrier, if anything; one that is merely quiet is made to beat. */
  tick(carrier: Carrier, now: number, { heartbeatMs, tickMs }: NodeSettings): string | null {
    const bytesHeard = carrier.bytesHeard?.() ?? 0
    // A message that is still coming says nothing yet, but shows that somebody is there.
    if (bytesHeard !== this.#bytesHeard) this.#heardAt = now
    this.#bytesHeard = bytesHeard
    const slackMs = Math.min(this.#bytesSinceHeard / slowBytesPerMs, slowestMs)
    const silentMs = (carrier.medium === 'websocket' ? 2 : 4) * heartbeatMs + slackMs
    const isDraining = carrier.isDraining()
    if (isDraining) this.#drainedAt = now
    if (now - this.#heardAt > silentMs) return 'nothing heard'
    if (now - this.#drainedAt > stuckMs + slackMs) return 'nothing taken'
    if (isDraining && now - this.#wroteAt >= heartbeatMs - 2 * tickMs) {
      this.#wroteAt = now
      carrier.beat()
    }
    return null
  }
}
