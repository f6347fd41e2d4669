/** How long a measurement takes precedence over later ones with a longer round trip, in milliseconds. */
const sampleLifeMs = 30_000

/** Redis's clock, estimated from its answers. It never goes backwards, even if another server's clock is behind. */
export class StoreClock {
  readonly #elapsedMs: () => number
  readonly #wallMs: () => number
  #offset: number | null = null
  #roundTripMs = Infinity
  #sampledAt = 0
  #last = 0

  /** @param elapsedMs a monotonic clock; `wallMs` is used until Redis has answered */
  constructor(elapsedMs: () => number, wallMs: () => number) {
    this.#elapsedMs = elapsedMs
    this.#wallMs = wallMs
  }

  now(): number {
    // Nothing was stored before the first answer: until then the clock may go backwards.
    if (this.#offset === null) return this.#wallMs()
    this.#last = Math.max(this.#last, this.#elapsedMs() + this.#offset)
    return this.#last
  }

  /** The next answer may come from another server, with another clock. */
  reset(): void {
    this.#roundTripMs = Infinity
  }

  /** Records Redis's time, read between `sentAt` and now, both of the monotonic clock. */
  sample(storeMs: number, sentAt: number): void {
    const at = this.#elapsedMs()
    const roundTripMs = at - sentAt
    // The shorter the round trip, the smaller the error.
    if (roundTripMs > this.#roundTripMs && at - this.#sampledAt < sampleLifeMs) return
    this.#offset = storeMs - (sentAt + at) / 2
    this.#roundTripMs = roundTripMs
    this.#sampledAt = at
  }
}
