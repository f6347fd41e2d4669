import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { emitWarning } from 'node:process'
import type { ServerHost } from './host.ts'

/**
 * A store's environment in a process. Its clock starts at the wall-clock time and is monotonic. Ids have six bytes: a cursor
 * names an epoch for every stream, and all of it must fit in a hello.
 */
export const storeHost = {
  now: () => performance.timeOrigin + performance.now(),
  randomId: () => randomBytes(6).toString('base64url'),
}

/**
 * The process as a host. Its timers do not keep the process alive, since open sockets do; only those without a delay may, since
 * they fire soon.
 */
export function nodeHost(onError: ((error: unknown) => void) | undefined): ServerHost {
  return {
    now: () => Date.now(),
    elapsedMs: () => performance.now(),
    after(delayMs, run) {
      // A Node timer would fire at once for this delay.
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
