/** A clock that is never set back, and what the platform's clock says at one of its instants. */
export interface Clock {
  now(): number
  wallTime(at: number): number
}

/**
 * The same clock, but never set back: all waits would otherwise last until it has caught up. Set forward it stays, since that is
 * what the end of sleep looks like. What people are shown is the time of their clock as it goes now: `wallTime`.
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
