import type { NodeSettings } from '../node/node-context.ts'
import type { Carrier } from './carrier.ts'

/** How long a carrier's socket may take no data before the carrier is over, in milliseconds (rule 6). */
const stuckMs = 30_000
const slowBytesPerMs = 10
const slowestMs = 120_000

/**
 * When an attachment's carrier last received something, asked for a sign of life, and wrote (rules 6 and 7). All times are of the node's
 * own clock (`elapsedMs`).
 */
export class Liveness {
  #lastActivityAt: number
  #wroteAt: number
  /** When the client was asked for a sign of life that it has not given yet; `null` while none is awaited. */
  #askedAt: number | null = null
  /** Since when the socket takes no data; `null` while the carrier drains. */
  #stuckSince: number | null = null
  /** Bytes that may still be in transit on a slow link. */
  #bytesSinceActivity = 0
  /** How many bytes the carrier had received at the last tick. */
  #bytesReceived = 0

  constructor(now: number) {
    this.#lastActivityAt = now
    this.#wroteAt = now
  }

  activity(now: number): void {
    this.#lastActivityAt = now
    this.#askedAt = null
    this.#bytesSinceActivity = 0
  }

  wrote(bytes: number, now: number): void {
    this.#wroteAt = now
    this.#bytesSinceActivity += bytes
  }

  drained(): void {
    this.#stuckSince = null
  }

  /** The carrier was found full. */
  stuck(now: number): void {
    this.#stuckSince ??= now
  }

  /** When `tick` has something to do at the earliest. */
  dueAt(carrier: Carrier, { heartbeatMs, tickMs }: NodeSettings): number {
    if (this.#stuckSince !== null) return 0
    const beatAt = this.#wroteAt + heartbeatAfterMs(heartbeatMs, tickMs)
    if (carrier.medium !== 'websocket') return Math.min(beatAt, this.#lastActivityAt + 4 * heartbeatMs)
    if (this.#askedAt === null) return Math.min(beatAt, this.#lastActivityAt + heartbeatAfterMs(heartbeatMs, tickMs))
    return Math.min(beatAt, Math.max(this.#askedAt + heartbeatMs, this.#lastActivityAt + 2 * heartbeatMs))
  }

  /**
   * Time has passed: returns what is wrong with the carrier, if anything. If nothing was written for a while, a heartbeat is sent, so
   * that the client hears something; a WebSocket from which nothing was heard is asked for a sign of life. Only a request that is not
   * answered shows that a client is gone: other frames need no answer.
   */
  tick(carrier: Carrier, now: number, { heartbeatMs, tickMs }: NodeSettings): string | null {
    const bytesHeard = carrier.bytesReceived?.() ?? 0
    // A message that is still arriving is incomplete, but shows that the client is there.
    if (bytesHeard !== this.#bytesReceived) {
      this.#lastActivityAt = now
      this.#askedAt = null
    }
    this.#bytesReceived = bytesHeard
    const isDraining = carrier.isDraining()
    if (isDraining) this.drained()
    else this.stuck(now)
    const graceMs = Math.min(this.#bytesSinceActivity / slowBytesPerMs, slowestMs)
    if (this.#isSilent(carrier, now, heartbeatMs, tickMs + graceMs)) return 'nothing heard'
    if (this.#stuckSince !== null && now - this.#stuckSince > stuckMs + graceMs) return 'nothing taken'
    const quietSince =
      carrier.medium === 'websocket' ? Math.min(this.#wroteAt, this.#askedAt ?? this.#lastActivityAt) : this.#wroteAt
    if (isDraining && now - quietSince >= heartbeatAfterMs(heartbeatMs, tickMs)) {
      this.#wroteAt = now
      this.#askedAt ??= now
      carrier.heartbeat()
    }
    return null
  }

  #isSilent({ medium }: Carrier, now: number, heartbeatMs: number, graceMs: number): boolean {
    // A comment cannot be answered: the client of an event stream sends POSTs of its own accord.
    if (medium !== 'websocket') return now - this.#lastActivityAt > 4 * heartbeatMs + graceMs
    const isUnanswered = this.#askedAt !== null && now - this.#askedAt > heartbeatMs + graceMs
    return isUnanswered && now - this.#lastActivityAt > 2 * heartbeatMs + graceMs
  }
}

/** How long a carrier may be silent, in milliseconds: two ticks less than promised, so that a heartbeat arrives before the client asks. */
function heartbeatAfterMs(heartbeatMs: number, tickMs: number): number {
  return heartbeatMs - 2 * tickMs
}
