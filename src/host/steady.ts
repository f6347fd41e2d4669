/**
 * The same clock, but never set back: all waits would otherwise last until it has caught up. Set forward it stays, since that is
 * what the end of sleep looks like.
 */
export function steady(clock: () => number): () => number {
  let latest = -Infinity
  let correctionMs = 0
  return () => {
    const now = clock()
    correctionMs = Math.max(correctionMs, latest - now)
    latest = now + correctionMs
    return latest
  }
}
