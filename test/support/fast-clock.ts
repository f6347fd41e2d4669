import type { Host } from '../../src/index.ts'
import type { ServerHost } from '../../src/server/node/host.ts'
import { nodeHost as serverHost } from '../../src/server/node/process-host.ts'

/**
 * A client's clock that runs `speed` times as fast as real time. With the same clock in the server all timers fire that much
 * sooner, and the network is slower in comparison. It uses nothing from outside, so that it can be passed to a page.
 */
export function fastClock(speed: number): Pick<Host, 'now' | 'after'> {
  const startedAt = Date.now()
  return {
    now: () => startedAt + (Date.now() - startedAt) * speed,
    after(delayMs, run) {
      // Delays beyond the maximum of a platform timer are longer than any test.
      const timer = setTimeout(run, Math.min(delayMs / speed, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}

/** The same for a server. */
export function fastServerHost(speed: number, onError?: (error: unknown) => void): ServerHost {
  const host = serverHost(onError)
  const startedAt = host.now()
  return {
    ...host,
    now: () => startedAt + (host.now() - startedAt) * speed,
    after: (delayMs, run) => host.after(delayMs / speed, run),
  }
}
