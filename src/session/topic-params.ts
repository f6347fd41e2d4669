import type { Host } from '../api/host.ts'
import { messageOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'
import { RequestError } from '../wire/request-error.ts'

/** How long a call of `params()` may take, and the bounds of the pause after one that has failed, in milliseconds. */
const paramsMs = 10_000
const minPauseMs = 500
const maxPauseMs = 30_000

/**
 * Calls `params()` until it returns a value, since a failure may be a short outage, as in `prepare()`; resolves with `undefined`
 * once the signal is aborted.
 * @param onFailed is called after each failure
 */
export async function settledParams(
  params: () => unknown,
  host: Host,
  signal: AbortSignal,
  onFailed: (error: RequestError) => void,
): Promise<unknown> {
  const late = () => {
    throw new RequestError('unprepared', `params() did not settle within ${paramsMs} ms`)
  }
  for (let pauseMs = minPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    try {
      return await within<unknown>((async () => params())(), paramsMs, host, late, signal)
    } catch (error) {
      const isKnown = error instanceof RequestError
      onFailed(isKnown ? error : new RequestError('unprepared', `params() threw: ${messageOf(error)}`))
      if (!isKnown && pauseMs === minPauseMs) host.report(error)
      await within(new Promise(() => {}), pauseMs * (1 - host.random() / 2), host, () => {}, signal)
      if (signal.aborted) return undefined
    }
  }
}
