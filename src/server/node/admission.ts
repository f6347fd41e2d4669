/** How long a place is kept for a client that does not return at its time, in milliseconds. */
const keptMs = 10_000
/** How long before its time a client may return, in milliseconds: its timer and its network are not exact. */
const earlyMs = 100

export interface AdmissionLimits {
  /** Attachments per second. */
  readonly perSecond: number
  /** The longest wait that a client is assigned, in milliseconds. */
  readonly maxWaitMs: number
  /** How many places are kept at the same time. */
  readonly maxPlaces: number
}

/**
 * Rule 18: admits a number of attachments per second, with bursts of two seconds' worth, and gives each further client a place in
 * order of arrival. A client that returns at its assigned time is admitted, however many others arrive meanwhile, so that no
 * client is refused twice. All times are of the node's monotonic clock.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #spacingMs: number
  readonly #random: () => number
  /** When the next place is free. */
  #nextAt = -Infinity
  /** When each session may attach, in the order in which the places were assigned. */
  readonly #places = new Map<string, number>()

  constructor(limits: AdmissionLimits, random: () => number) {
    this.#limits = limits
    this.#spacingMs = 1000 / limits.perSecond
    this.#random = random
  }

  /** Admits a session now (0), or returns the milliseconds until its place. */
  admit(session: string, now: number): number {
    const place = this.#places.get(session)
    if (place !== undefined) {
      if (now < place - earlyMs) return place - now
      this.#places.delete(session)
      if (now <= place + keptMs) return 0
    }
    const spacing = this.#spacingMs
    const burstMs = Math.max(spacing, 2000)
    const freeAt = Math.max(this.#nextAt, now - burstMs + spacing)
    if (freeAt <= now) {
      this.#nextAt = freeAt + spacing
      return 0
    }
    return this.#keepPlace(session, freeAt, now)
  }

  #keepPlace(session: string, freeAt: number, now: number): number {
    const { maxWaitMs, maxPlaces } = this.#limits
    this.#forgetPassed(now)
    // If more clients return than fit into `maxWaitMs`, they come faster than `perSecond`: their sessions must not expire while
    // they wait.
    const isInTime = freeAt - now <= maxWaitMs
    const place = isInTime ? freeAt : now + maxWaitMs * (0.5 + this.#random() / 2)
    if (this.#places.size < maxPlaces) {
      this.#places.set(session, place)
      if (isInTime) this.#nextAt = freeAt + this.#spacingMs
    }
    return Math.max(1, place - now)
  }

  /** Places are in the order of their times, so the first one in the future ends the search. */
  #forgetPassed(now: number): void {
    for (const [session, place] of this.#places) {
      if (place + keptMs >= now) return
      this.#places.delete(session)
    }
  }
}
