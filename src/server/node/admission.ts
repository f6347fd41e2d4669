/** How long a place is kept for a client that does not come at its time, in milliseconds. */
const keptMs = 10_000
/** So much before its time a client may come: its timer and its network are not the server's. */
const earlyMs = 100

export interface AdmissionLimits {
  /** Attachments per second. */
  readonly perSecond: number
  /** Nobody is asked to wait for longer, in milliseconds. */
  readonly mostWaitMs: number
  /** Places that are kept at once. */
  readonly mostPlaces: number
}

/**
 * Rule 18: lets in so many attachments a second, two seconds' worth of them at once, and gives each client beyond that a place in
 * the order in which they came. Whoever comes back at the time that it was told is let in, whoever else comes meanwhile, so nobody
 * is refused twice. All times are of the node's own.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #spacingMs: number
  readonly #random: () => number
  /** When the next place is free. */
  #nextAt = -Infinity
  /** By session, when it may come; the oldest were given first. */
  readonly #places = new Map<string, number>()

  constructor(limits: AdmissionLimits, random: () => number) {
    this.#limits = limits
    this.#spacingMs = 1000 / limits.perSecond
    this.#random = random
  }

  /** Lets a session in now (0), or tells in how many milliseconds it has its place. */
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
    const { mostWaitMs, mostPlaces } = this.#limits
    this.#forgetPassed(now)
    // A herd that is larger than the time for it comes faster than it should: its sessions must not expire over their waiting.
    const isInTime = freeAt - now <= mostWaitMs
    const place = isInTime ? freeAt : now + mostWaitMs * (0.5 + this.#random() / 2)
    if (this.#places.size < mostPlaces) {
      this.#places.set(session, place)
      if (isInTime) this.#nextAt = freeAt + this.#spacingMs
    }
    return Math.max(1, place - now)
  }

  /** Places are given in the order of their times, so the first that is still to come ends the search. */
  #forgetPassed(now: number): void {
    for (const [session, place] of this.#places) {
      if (place + keptMs >= now) return
      this.#places.delete(session)
    }
  }
}
