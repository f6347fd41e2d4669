import type { Call } from './transport.ts'

/** An answer that came sooner and brought nothing is followed by a pause, so that no server can make the client spin. */
const quickMs = 1000
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
}

/** How long-poll goes on: at once after news. */
export function longPollPauseMs(isNews: boolean): number {
  return isNews ? 0 : quickMs
}

/** How poll goes on, at random within a fifth, so that the clients of a server do not ask in step. */
export function pollPauseMs(intervalMs: number, { isHidden, random }: Call['host']): number {
  return intervalMs * (isHidden() ? hiddenFactor : 1) * (1 + random() / 5)
}

/** Asks again and again. `hurry` ends a pause at once and, where it may, a request that is held. */
export function askAgain({ host, signal }: Call, exchange: Exchange): { hurry(mayAbort: boolean): void } {
  const { timeoutMs, pauseMs } = exchange
  let request: AbortController | null = null
  let endPause = () => {}
  loop().catch((error: unknown) => {
    if (!signal.aborted) exchange.failed(error)
  })
  return {
    hurry(mayAbort) {
      endPause()
      if (mayAbort) request?.abort()
    },
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      const since = host.now()
      const isNews = await inTime()
      // The listener may have been told to hang up by what it was given.
      if (!signal.aborted) await pause(isNews === null ? 0 : pauseMs(isNews || host.now() - since >= quickMs))
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
    if (!ms) return Promise.resolve()
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
