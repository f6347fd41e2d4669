/** A clock that never goes back, with a conversion of its instants to the platform's clock. */
export interface Clock {
  now(): number
  wallTime(at: number): number
}

/**
 * Makes a clock that never goes back: if the device's clock is set back, timeouts would otherwise last until it has caught up. A
 * jump forward is kept, since it looks the same as the end of a sleep. `wallTime` converts to the device's clock, for people.
 */
export function monotonic(clock: () => number): Clock {
  let latest = -Infinity
  let correctionMs = 0
  const now = () => {
    const wall = clock()
    correctionMs = Math.max(correctionMs, latest - wall)
    latest = wall + correctionMs
    return latest
  }
  return { now, wallTime: (at) => at - correctionMs }
}
