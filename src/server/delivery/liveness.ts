import type { NodeSettings } from '../node/node-context.ts'
import type { Carrier } from './carrier.ts'

/** A carrier whose socket takes nothing for so long is over (rule 6). */
const stuckMs = 30_000
const slowBytesPerMs = 10
const slowestMs = 120_000

/**
 * When an attachment's carrier was last heard, asked and written to (rules 6 and 7). All times are of the node's own
 * (`elapsedMs`).
 */
export class Liveness {
  #lastActivityAt: number
  #wroteAt: number
  /** When the client was asked for a sign of life that it has not given yet; `null` while no question is open. */
  #askedAt: number | null = null
  /** Since when the carrier takes nothing; `null` while it drains. */
  #stuckSince: number | null = null
  /** What may still be on its way, on a slow link. */
  #bytesSinceActivity = 0
  /** What of the carrier's bytes has been noticed. */
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
   * Time has passed: what is wrong with the carrier, if anything. One that has written nothing for a while beats, so that its
   * client hears something; a WebSocket from which nothing was heard is asked. Only a question that stays without an answer
   * tells that a client is gone: what was written is no question.
   */
  tick(carrier: Carrier, now: number, { heartbeatMs, tickMs }: NodeSettings): string | null {
    const bytesHeard = carrier.bytesReceived?.() ?? 0
    // A message that is still coming says nothing yet, but shows that somebody is there.
    if (bytesHeard !== this.#bytesReceived) {
      this.#lastActivityAt = now
      this.#askedAt = null
    }
    this.#bytesReceived = bytesHeard
    const isDraining = carrier.isDraining()
    if (isDraining) this.drained()
    else this.stuck(now)
    const slackMs = Math.min(this.#bytesSinceActivity / slowBytesPerMs, slowestMs)
    if (this.#isSilent(carrier, now, heartbeatMs, tickMs + slackMs)) return 'nothing heard'
    if (this.#stuckSince !== null && now - this.#stuckSince > stuckMs + slackMs) return 'nothing taken'
    const quietSince =
      carrier.medium === 'websocket' ? Math.min(this.#wroteAt, this.#askedAt ?? this.#lastActivityAt) : this.#wroteAt
    if (isDraining && now - quietSince >= heartbeatAfterMs(heartbeatMs, tickMs)) {
      this.#wroteAt = now
      this.#askedAt ??= now
      carrier.heartbeat()
    }
    return null
  }

  #isSilent({ medium }: Carrier, now: number, heartbeatMs: number, slackMs: number): boolean {
    // Nobody can answer a comment: the client of an event stream posts by itself.
    if (medium !== 'websocket') return now - this.#lastActivityAt > 4 * heartbeatMs + slackMs
    const isUnanswered = this.#askedAt !== null && now - this.#askedAt > heartbeatMs + slackMs
    return isUnanswered && now - this.#lastActivityAt > 2 * heartbeatMs + slackMs
  }
}

/** How long a carrier may be quiet: two ticks less than promised, so that something comes before its client asks. */
function heartbeatAfterMs(heartbeatMs: number, tickMs: number): number {
  return heartbeatMs - 2 * tickMs
}
