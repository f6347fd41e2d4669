import type { Page } from 'playwright-core'

/** Resources of a page that a closed client must have released. */
export interface Holdings {
  readonly timers: number
  /** Listeners on `window` and `document`. */
  readonly listeners: readonly string[]
  /** Requests whose answer has not ended. */
  readonly requests: number
  /** Sockets that are neither closing nor closed. */
  readonly sockets: number
  readonly locks: number
}

export const NOTHING: Holdings = { timers: 0, listeners: [], requests: 0, sockets: 0, locks: 0 }

/** Makes the page count its resources: reloads it, with the platform functions for them wrapped before any script runs. */
export async function countHoldings(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const timers = new Set<unknown>()
    const listeners: string[] = []
    const sockets: WebSocket[] = []
    let requests = 0

    const { setTimeout, clearTimeout, fetch } = globalThis
    const set = (run: () => void, ms?: number) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        run()
      }, ms)
      timers.add(timer)
      return timer
    }
    const clear = (timer: ReturnType<typeof setTimeout>) => {
      timers.delete(timer)
      clearTimeout(timer)
    }
    const { addEventListener, removeEventListener } = EventTarget.prototype
    const isWatched = (target: unknown) => target === document || target === globalThis || target === undefined
    const add = function (this: EventTarget, ...[type, ...rest]: Parameters<EventTarget['addEventListener']>) {
      if (isWatched(this)) listeners.push(type)
      addEventListener.call(this, type, ...rest)
    }
    const remove = function (this: EventTarget, ...[type, ...rest]: Parameters<EventTarget['removeEventListener']>) {
      if (isWatched(this) && listeners.includes(type)) listeners.splice(listeners.indexOf(type), 1)
      removeEventListener.call(this, type, ...rest)
    }
    Object.assign(EventTarget.prototype, { addEventListener: add, removeEventListener: remove })

    const countedFetch = async (...request: Parameters<typeof fetch>) => {
      requests += 1
      let isOver = false
      const over = () => {
        if (!isOver) requests -= 1
        isOver = true
      }
      request[1]?.signal?.addEventListener('abort', over)
      const response = await fetch(...request).catch((error: unknown) => {
        over()
        throw error
      })
      for (const name of ['text', 'arrayBuffer'] as const) {
        const read = response[name].bind(response) as () => Promise<unknown>
        Object.defineProperty(response, name, { value: () => read().finally(over) })
      }
      const { body } = response
      if (body) Object.defineProperty(body, 'getReader', { value: () => countedReader(body, over) })
      return response
    }
    function countedReader(body: ReadableStream, over: () => void) {
      const reader = ReadableStream.prototype.getReader.call(body) as ReadableStreamDefaultReader
      const read = reader.read.bind(reader)
      reader.read = async () => {
        const result = await read().catch((error: unknown) => {
          over()
          throw error
        })
        if (result.done) over()
        return result
      }
      return reader
    }
    class CountedSocket extends WebSocket {
      constructor(...request: ConstructorParameters<typeof WebSocket>) {
        super(...request)
        sockets.push(this)
      }
    }
    const holdings = async () => ({
      timers: timers.size,
      listeners,
      requests,
      sockets: sockets.filter(({ readyState }) => readyState < 2).length,
      locks: ((await navigator.locks.query()).held ?? []).length,
    })
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, fetch: countedFetch, WebSocket: CountedSocket, holdings })
  })
  await page.reload({ waitUntil: 'load' })
}

export function holdingsOf(page: Page): Promise<Holdings> {
  return page.evaluate(() => (globalThis as unknown as { holdings(): Promise<Holdings> }).holdings())
}
