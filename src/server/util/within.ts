import type { ServerHost } from '../node/host.ts'

/**
 * Adds a timeout of `limitMs` milliseconds to a promise, `Infinity` for none; a promise that settles later is ignored.
 * @param late the error of the timeout
 */
export function within<Value>(
  promise: Promise<Value>,
  limitMs: number,
  { after }: Pick<ServerHost, 'after'>,
  late: (limitMs: number) => Error,
): Promise<Value> {
  if (limitMs === Infinity) return promise
  return new Promise((resolve, reject) => {
    const cancel = after(limitMs, () => reject(late(limitMs)))
    promise.finally(cancel).then(resolve, reject)
  })
}

/** The error of a timeout; `what` names the operation of the application. */
export function tookTooLong(what: string): (limitMs: number) => Error {
  return (limitMs) => new Error(`RealtimeServer: ${what} took more than ${limitMs} ms.`)
}
