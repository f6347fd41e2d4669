import type { Host } from '../api/host.ts'

/**
 * Waits for a promise that may never settle: until it does, until `limitMs` milliseconds have passed (then settles as `late()`
 * does), or until the signal is aborted (then resolves with `undefined`).
 */
export function within<Value>(
  promise: Promise<Value>,
  limitMs: number,
  host: Host,
  late: () => Value,
  signal?: AbortSignal,
): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const aborted = () => end(resolve as () => void)
    const cancelLimit = host.after(limitMs, () => end(() => void Promise.resolve().then(late).then(resolve, reject)))
    promise.then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    )
    signal?.addEventListener('abort', aborted, { once: true })
    if (signal?.aborted) aborted()

    function end(settle: () => void) {
      cancelLimit()
      signal?.removeEventListener('abort', aborted)
      settle()
    }
  })
}
