import { RequestError } from '../../wire/request-error.ts'
import type { ServerHost } from '../node/host.ts'

/** How much longer the handler of an aborted request is awaited, in milliseconds. */
const abortedMs = 5000

/**
 * Waits for the handler of a request, which may never settle: for `limitMs` milliseconds, or for a short time once the request is
 * aborted. What the handler returns afterwards is dropped.
 * @throws RequestError when that time is over, after which the signal is aborted
 */
export function withinTime(
  handling: PromiseLike<unknown>,
  limitMs: number,
  controller: AbortController,
  host: Pick<ServerHost, 'after' | 'report'>,
): Promise<unknown> {
  const { signal } = controller
  return new Promise((resolve, reject) => {
    let isOver = false
    const end = () => {
      isOver = true
      cancelTimer()
      signal.removeEventListener('abort', onAbort)
    }
    const giveUp = (ms: number, what: string) => {
      end()
      host.report(new Error(`RealtimeServer: onRequest has not settled in ${ms} ms${what}; the session goes on without it.`))
      const error = new RequestError('timeout', `The handler of the server gave no reply in ${ms} ms.`)
      controller.abort(error)
      reject(error)
    }
    let cancelTimer = host.after(limitMs, () => giveUp(limitMs, ''))
    const onAbort = () => {
      cancelTimer()
      cancelTimer = host.after(abortedMs, () => giveUp(abortedMs, ' after its signal was aborted'))
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    Promise.resolve(handling)
      .then(
        (reply) => {
          end()
          resolve(reply)
        },
        (error) => {
          // The client has its answer already; a handler that obeys the signal throws its reason.
          if (isOver && !(error instanceof RequestError)) host.report(error)
          end()
          reject(error)
        },
      )
      .catch(reject)
  })
}
