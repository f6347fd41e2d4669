import type { NodeSettings } from '../node/node-context.ts'
import type { Carrier } from './carrier.ts'

/** How long a carrier's socket may accept no data before the carrier ends, in milliseconds (rule 6). */
const stuckMs = 30_000
const slowBytesPerMs = 10
const slowestMs = 120_000

/**
 * When an attachment's carrier last received something, asked for a sign of life, and wrote (rules 6 and 7). All times are of the
 * node's monotonic clock (`elapsedMs`).
 */
export class Liveness {
  #lastActivityAt: number
  #wroteAt: number
  /** When the client was asked for a sign of life; `null` while none is pending. */
  #askedAt: number | null = null
  /** Since when the socket accepts no data; `null` while the carrier drains. */
  #stuckSince: number | null = null
  /** Bytes that may still be in transit on a slow link. */
  #bytesSinceActivity = 0
  /** The carrier's count of received bytes at the last tick. */
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

  /** The earliest time at which `tick` has something to do. */
  dueAt(carrier: Carrier, { heartbeatMs, tickMs }: NodeSettings): number {
    if (this.#stuckSince !== null) return 0
    const beatAt = this.#wroteAt + heartbeatAfterMs(heartbeatMs, tickMs)
    if (carrier.medium !== 'websocket') return Math.min(beatAt, this.#lastActivityAt + 4 * heartbeatMs)
    if (this.#askedAt === null) return Math.min(beatAt, this.#lastActivityAt + heartbeatAfterMs(heartbeatMs, tickMs))
    return Math.min(beatAt, Math.max(this.#askedAt + heartbeatMs, this.#lastActivityAt + 2 * heartbeatMs))
  }

  /**
   * Returns the carrier's fault, if any. Writes a heartbeat if nothing was written for a while, so that the client receives
   * something; asks a silent WebSocket for a sign of life. Only an unanswered request shows that a client is gone: other frames
   * need no answer.
   */
  tick(carrier: Carrier, now: number, { heartbeatMs, tickMs }: NodeSettings): string | null {
    const bytesHeard = carrier.bytesReceived?.() ?? 0
    // A message that is still arriving is incomplete, but shows that the client is alive.
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
    // A comment cannot be answered: the client of an event stream sends POSTs unprompted.
    if (medium !== 'websocket') return now - this.#lastActivityAt > 4 * heartbeatMs + graceMs
    const isUnanswered = this.#askedAt !== null && now - this.#askedAt > heartbeatMs + graceMs
    return isUnanswered && now - this.#lastActivityAt > 2 * heartbeatMs + graceMs
  }
}

/** The interval of heartbeats, in milliseconds: two ticks less than promised, so that they arrive before the client asks. */
function heartbeatAfterMs(heartbeatMs: number, tickMs: number): number {
  return heartbeatMs - 2 * tickMs
}

/** The node's time in whole milliseconds: V8 keeps a fraction in an object of its own, for each field of each attachment. */
export function wholeMs(node: { elapsedMs(): number }): number {
  return Math.trunc(node.elapsedMs())
}
