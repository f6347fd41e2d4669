import type { ServerHost } from '../node/host.ts'

/**
 * Adds a timeout of `limitMs` milliseconds to a promise of the application; a promise that settles later is ignored.
 * @param what names the operation in the timeout's error
 */
export function within<Value>(
  promise: Promise<Value>,
  limitMs: number,
  { after }: Pick<ServerHost, 'after'>,
  what: string,
): Promise<Value> {
  if (limitMs === Infinity) return promise
  return new Promise((resolve, reject) => {
    const cancel = after(limitMs, () => reject(new Error(`RealtimeServer: ${what} took more than ${limitMs} ms.`)))
    promise.finally(cancel).then(resolve, reject)
  })
}
