import type { Call } from '../api/transport.ts'

/** An answer that came sooner and brought nothing is followed by a pause, so that no server can make the client spin. */
export const quickMs = 1000
/** So many answers in a row may bring news at once, and from then on one in this time: a queue that is caught up with, and no more. */
const quickNews = { most: 100, everyMs: 50 }
const hiddenFactor = 6

export interface Manner {
  timeoutMs(): number
  /** How long to wait before asking again, after an answer that brought something (or took its time) or did not. */
  pauseMs(isNews: boolean): number
}

interface Exchange extends Manner {
  /** One request with its whole answer; tells whether that was anything new. `extend` begins its time limit anew. */
  exchange(signal: AbortSignal, extend: () => void): Promise<boolean>
  /** A request took longer than `timeoutMs`; throws where that is a failure. */
  timedOut(): void
  failed(error: unknown): void
  /** How long to wait before the same is asked again after a failure; absent or `null` where it is the end. */
  againMs?(error: unknown, failures: number): number | null
}

/** How long-poll goes on: at once after news. */
export function longPollPauseMs(isNews: boolean): number {
  return isNews ? 0 : quickMs
}

/** How poll goes on, at random within a fifth, so that the clients of a server do not ask in step. */
export function pollPauseMs(intervalMs: number, { isHidden, random }: Call['host']): number {
  return intervalMs * (isHidden() ? hiddenFactor : 1) * (1 + random() / 5)
}

/** Asks again and again. `pollNow` ends a pause at once and, where it may, a request that is held. */
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
        // The listener may have been told to hang up by what it was given.
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

  /** One exchange; `null` when it was held until the limit, or was told to begin anew. */
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
      // Not left to the exchange: in Node one that is aborted may never end (`feed`).
      return await Promise.race([exchange.exchange(controller.signal, extend), aborted])
    } catch (error) {
      const isOurs = controller.signal.aborted
      // What is left of an answer that is refused must not go on arriving.
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
