import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { emitWarning } from 'node:process'
import type { ServerHost } from './host.ts'

/**
 * What a store needs of the process. Its clock begins with the time on the wall and is never set. Six bytes: a cursor names an
 * epoch for every stream, and all of it must fit in a hello.
 */
export const storeHost = {
  now: () => performance.timeOrigin + performance.now(),
  randomId: () => randomBytes(6).toString('base64url'),
}

/** The process. Its timers keep nothing alive: what is alive has a socket. What shall happen at once may: it is over soon. */
export function nodeHost(onError: ((error: unknown) => void) | undefined): ServerHost {
  return {
    now: () => Date.now(),
    elapsedMs: () => performance.now(),
    after(delayMs, run) {
      // A timer of Node's would fire at once.
      if (delayMs === Infinity) return () => {}
      if (delayMs <= 0) {
        const immediate = setImmediate(run)
        return () => clearImmediate(immediate)
      }
      const timer = setTimeout(run, delayMs)
      timer.unref()
      return () => clearTimeout(timer)
    },
    random: () => Math.random(),
    randomId: () => randomBytes(12).toString('base64url'),
    report(error) {
      try {
        if (onError) onError(error)
        else emitWarning(error instanceof Error ? error : String(error), 'RealtimeServerWarning')
      } catch (thrown) {
        emitWarning(thrown instanceof Error ? thrown : String(thrown), 'RealtimeServerWarning')
      }
    },
  }
}
