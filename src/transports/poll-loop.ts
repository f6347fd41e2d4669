import type { Call } from '../api/transport.ts'

/** A response without news that arrives sooner is followed by a pause, so that no server can make the client spin. */
export const quickMs = 1000
/** So many responses with news may be followed by a request at once, then one per `everyMs`: enough to drain a backlog. */
const quickNews = { most: 100, everyMs: 50 }
const hiddenFactor = 6

export interface Manner {
  timeoutMs(): number
  /** Returns the pause before the next request; `isNews`: the response had messages, or was held. */
  pauseMs(isNews: boolean): number
}

interface Exchange extends Manner {
  /** Makes one request and reads its response; resolves with whether it had news. `extend` restarts the timeout. */
  exchange(signal: AbortSignal, extend: () => void): Promise<boolean>
  /** A request took longer than `timeoutMs`; throws if that is a failure. */
  timedOut(): void
  failed(error: unknown): void
  /** Returns the pause before a failed request is repeated; absent or `null` if the failure is final. */
  againMs?(error: unknown, failures: number): number | null
}

/** Returns the pause of long-poll: none after news. */
export function longPollPauseMs(isNews: boolean): number {
  return isNews ? 0 : quickMs
}

/** Returns the pause of poll, plus up to a fifth at random, so that the clients of a server do not poll in step. */
export function pollPauseMs(intervalMs: number, { isHidden, random }: Call['host']): number {
  return intervalMs * (isHidden() ? hiddenFactor : 1) * (1 + random() / 5)
}

/** Polls in a loop. `pollNow` ends a pause at once and, if `mayAbort`, a held request. */
export function pollLoop({ host, signal }: Call, exchange: Exchange): { pollNow(mayAbort: boolean): void } {
  const { timeoutMs, pauseMs } = exchange
  let request: AbortController | null = null
  let endPause = () => {}
  loop().catch((error: unknown) => {
    if (!signal.aborted) exchange.failed(error)
  })
  return {
    pollNow(mayAbort) {
      endPause()
      if (mayAbort) request?.abort()
    },
  }

  async function loop(): Promise<void> {
    let failures = 0
    let newsUntil = 0
    while (!signal.aborted) {
      const since = host.now()
      let ms: number | null
      try {
        const isNews = await inTime()
        failures = 0
        // A received message may have made the listener abort the dial.
        ms = isNews === null || signal.aborted ? 0 : pauseMs(isNews || host.now() - since >= quickMs)
        newsUntil = Math.max(newsUntil, since) + quickNews.everyMs
        ms ||= Math.max(0, newsUntil - host.now() - quickNews.most * quickNews.everyMs)
      } catch (error) {
        failures += 1
        ms = exchange.againMs?.(error, failures) ?? null
        if (ms === null) throw error
      }
      await pause(ms)
    }
  }

  /** Makes one exchange; resolves with `null` if it was held until the timeout, or was aborted by `pollNow`. */
  async function inTime(): Promise<boolean | null> {
    const controller = new AbortController()
    const abort = () => controller.abort()
    let isOver = false
    let cancelLimit = () => {}
    const extend = () => {
      cancelLimit()
      cancelLimit = host.after(timeoutMs(), () => {
        isOver = true
        abort()
      })
    }
    extend()
    signal.addEventListener('abort', abort, { once: true })
    request = controller
    const aborted = new Promise<never>((_, reject) => controller.signal.addEventListener('abort', reject))
    try {
      // Raced with the abort, since in Node an aborted request may never settle (`feed`).
      return await Promise.race([exchange.exchange(controller.signal, extend), aborted])
    } catch (error) {
      const isOurs = controller.signal.aborted
      // Stops the download of a response that was rejected.
      abort()
      if (!isOurs) throw error
      if (isOver) exchange.timedOut()
      return null
    } finally {
      request = null
      cancelLimit()
      signal.removeEventListener('abort', abort)
    }
  }

  function pause(ms: number): Promise<void> {
    if (!ms || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      endPause = () => {
        cancel()
        signal.removeEventListener('abort', endPause)
        endPause = () => {}
        resolve()
      }
      const cancel = host.after(ms, endPause)
      signal.addEventListener('abort', endPause, { once: true })
    })
  }
}
