import type { Host, PageSignal } from './host.ts'

/**
 * The platform as it is: a page, a worker, or Node. Nothing is touched before a client is made, and everything is looked up
 * when it is used, since globals may come late and tests replace them.
 */
export function browserHost(): Host {
  const { document, navigator, location } = globalThis
  const isWorker = 'WorkerGlobalScope' in globalThis
  return {
    now: () => Date.now(),
    after(delayMs, run) {
      // Timers overflow beyond 2^31 − 1 ms and then fire at once.
      const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
    random: () => Math.random(),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    report(error) {
      if (typeof reportError === 'function') reportError(error)
      else
        setTimeout(() => {
          throw error
        })
    },
    fetch: globalThis.fetch && ((url, init) => fetch(url, init)),
    WebSocket: globalThis.WebSocket,
    baseUrl: document?.baseURI ?? location?.href,
    isLive: !!document || isWorker,
    isOnline: () => navigator?.onLine ?? true,
    isHidden: () => document?.visibilityState === 'hidden',
    roundTripMs,
    recall(key) {
      return attempt(() => localStorage.getItem(key)) ?? null
    },
    remember(key, value) {
      attempt(() => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)))
    },
    claim: (slots) => claim(navigator?.locks, slots),
    listen,
  }
}

/** From the navigation's TCP handshake; on a reused connection from its request, which includes the server's own time. */
function roundTripMs(url: URL): number | undefined {
  const [entry] = globalThis.performance?.getEntriesByType?.('navigation') ?? []
  if (!entry || globalThis.location?.host !== url.host) return undefined
  const { connectStart, connectEnd, secureConnectionStart, requestStart, responseStart } = entry as PerformanceNavigationTiming
  return (secureConnectionStart || connectEnd) - connectStart || responseStart - requestStart
}

/** A lock is held for as long as the promise given to it is pending. */
async function claim(locks: LockManager | undefined, slots: readonly string[]): Promise<(() => void) | null> {
  if (!locks) return () => {}
  for (const slot of slots) {
    const release = await new Promise<(() => void) | null>((resolve) => {
      locks
        .request(slot, { ifAvailable: true }, (lock) => (lock ? new Promise<void>((free) => resolve(free)) : resolve(null)))
        // Without the right to use locks (an opaque origin) there is nobody to share with.
        .catch(() => resolve(() => {}))
    })
    if (release) return release
  }
  return null
}

function listen(listener: (signal: PageSignal) => void): () => void {
  const { document } = globalThis
  const onWindow = (event: Event) => {
    const { type } = event
    if (type === 'pageshow') listener({ type, persisted: (event as PageTransitionEvent).persisted })
    else listener({ type: type as 'online' | 'offline' | 'pagehide' })
  }
  const onDocument = ({ type }: Event) => {
    if (type === 'visibilitychange') listener({ type: document.visibilityState === 'hidden' ? 'hidden' : 'visible' })
    else listener({ type: type as 'freeze' | 'resume' })
  }
  const all: [EventTarget | undefined, string, (event: Event) => void][] = [
    ...['online', 'offline', 'pagehide', 'pageshow'].map((type): (typeof all)[number] => [globalThis, type, onWindow]),
    ...['visibilitychange', 'freeze', 'resume'].map((type): (typeof all)[number] => [document, type, onDocument]),
  ]
  for (const [target, type, run] of all) target?.addEventListener?.(type, run)
  return () => {
    for (const [target, type, run] of all) target?.removeEventListener?.(type, run)
  }
}

/** Storage may be missing, forbidden or full: none of that is worth an error. */
function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
