import type { Engine, Host, PageSignal, Violation } from './host.ts'
import { steady } from './steady.ts'

/**
 * The platform as it is: a page, a worker, or Node. One for all clients, since it knows nothing of any of them. Nothing is touched
 * before a client is made, and everything is looked up when it is used: globals may come late, and tests replace them.
 */
export const browserHost: Host = {
  now: steady(() => Date.now()),
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
  get fetch() {
    return typeof globalThis.fetch === 'function' ? callFetch : undefined
  },
  get WebSocket() {
    return globalThis.WebSocket
  },
  get baseUrl() {
    return globalThis.document?.baseURI ?? globalThis.location?.href
  },
  get isLive() {
    return !!globalThis.document || 'WorkerGlobalScope' in globalThis
  },
  isOnline: () => globalThis.navigator?.onLine ?? true,
  isHidden: () => globalThis.document?.visibilityState === 'hidden',
  roundTripMs,
  recall(key) {
    return attempt(() => localStorage.getItem(key)) ?? null
  },
  remember(key, value) {
    attempt(() => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)))
  },
  claim: (slots) => claim(globalThis.navigator?.locks, slots),
  listen,
  engine,
  get pageOrigin() {
    return globalThis.location?.origin
  },
}

/** The platform, with what the application replaces of it. */
export function hostWith(own: Partial<Host> | undefined): Host {
  if (!own) return browserHost
  const host = { ...browserHost, ...own }
  return own.now ? { ...host, now: steady(() => host.now()) } : host
}

/** A browser's `fetch` must be called as a function of the global object. */
function callFetch(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, init)
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

const windowTypes = ['online', 'offline', 'pagehide', 'pageshow']
const documentTypes = ['visibilitychange', 'freeze', 'resume', 'securitypolicyviolation']

function listen(listener: (signal: PageSignal | Violation) => void): () => void {
  const { document } = globalThis
  // A worker has no document, and is told itself of what its policy forbids.
  const target: Pick<Document, 'addEventListener' | 'removeEventListener'> | undefined = document ?? globalThis
  const run = (event: Event) => listener(signalOf(event))
  for (const type of windowTypes) globalThis.addEventListener?.(type, run)
  for (const type of documentTypes) target.addEventListener?.(type, run)
  return () => {
    for (const type of windowTypes) globalThis.removeEventListener?.(type, run)
    for (const type of documentTypes) target.removeEventListener?.(type, run)
  }
}

function signalOf(event: Partial<PageTransitionEvent & SecurityPolicyViolationEvent>): PageSignal | Violation {
  const { type, persisted, blockedURI = '', effectiveDirective = '' } = event
  if (type === 'securitypolicyviolation') return { type: 'violation', blockedUrl: blockedURI, directive: effectiveDirective }
  const seen = globalThis.document?.visibilityState === 'hidden' ? 'hidden' : 'visible'
  return { type: type === 'visibilitychange' ? seen : type, persisted } as PageSignal
}

function engine(): Engine {
  const agent = globalThis.navigator?.userAgent ?? ''
  if (/Firefox\//.test(agent)) return 'firefox'
  if (/Chrom(e|ium)\//.test(agent)) return 'chromium'
  return /AppleWebKit\//.test(agent) ? 'webkit' : 'other'
}

/** Storage may be missing, forbidden or full: none of that is worth an error. */
function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
