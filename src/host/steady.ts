import type { Host } from './host.ts'

/**
 * The same host with a clock that is never set back: all waits would otherwise last until it has caught up. Set forward it
 * stays, since that is what the end of sleep looks like.
 */
export function steady(host: Host): Host {
  let latest = -Infinity
  let correctionMs = 0
  return {
    ...host,
    now() {
      const now = host.now()
      correctionMs = Math.max(correctionMs, latest - now)
      latest = now + correctionMs
      return latest
    },
  }
}
