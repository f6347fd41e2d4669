import type { Activation, Engine, Host, PageSignal, Violation } from '../api/host.ts'
import { monotonic } from './monotonic-clock.ts'
import { patient } from './patient.ts'

const clock = monotonic(() => Date.now())
const isHidden = () => globalThis.document?.visibilityState === 'hidden'

/**
 * The actual platform: a page, a worker, or Node. It has no state of a client, so all clients share it. Globals are read only
 * when they are used, and none before a client is created: they may be defined late, and tests replace them.
 */
export const browserHost: Host = {
  ...clock,
  after: patient({ now: clock.now, isHidden, after: setTimer }),
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  report(error) {
    if (typeof reportError === 'function') reportError(error)
    else
      setTimeout(() => {
        throw error
      })
  },
  log: (level, line) => globalThis.console?.[level === 'debug' ? 'log' : level](line),
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
  get userAgent() {
    return globalThis.navigator?.userAgent
  },
  isOnline: () => globalThis.navigator?.onLine ?? true,
  isHidden,
  isControlled: () => !!globalThis.navigator?.serviceWorker?.controller,
  isPrerendering: () => !!(globalThis.document as Prerendered | undefined)?.prerendering,
  roundTripMs,
  recall(key) {
    return orUndefined(() => localStorage.getItem(key)) ?? null
  },
  remember(key, value) {
    orUndefined(() => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)))
  },
  claim: (slots) => claim(globalThis.navigator?.locks, slots),
  listen,
  localAccess,
  engine,
  get pageOrigin() {
    // Not the origin of its URL: a sandboxed page has an opaque one, and a page without a URL (srcdoc) inherits its parent's.
    return globalThis.origin ?? globalThis.location?.origin
  },
}

/** The members that the option `host` may have. */
export const hostNames = [...Object.keys(browserHost), 'tab', 'tabs']

/** Returns the platform with the parts that the application replaces. */
export function hostWith(own: Partial<Host> | undefined): Host {
  if (!own) return browserHost
  const host = { ...browserHost, ...own }
  const timed = { ...host, ...(own.now ? monotonic(() => host.now()) : clock) }
  return own.after ? { ...timed, after: patient({ ...timed, after: (delayMs, run) => host.after(delayMs, run) }) } : timed
}

function setTimer(delayMs: number, run: () => void): () => void {
  // A delay beyond 2^31 − 1 ms overflows, and the timer fires at once.
  const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1))
  return () => clearTimeout(timer)
}

/** A browser's `fetch` must be called as a function of the global object. */
function callFetch(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, init)
}

/** The navigation's TCP handshake; on a reused connection its request, which includes the server's processing time. */
function roundTripMs(url: URL): number | undefined {
  const [entry] = globalThis.performance?.getEntriesByType?.('navigation') ?? []
  if (!entry || globalThis.location?.host !== url.host) return undefined
  const { connectStart, connectEnd, secureConnectionStart, requestStart, responseStart } = entry as PerformanceNavigationTiming
  return (secureConnectionStart || connectEnd) - connectStart || responseStart - requestStart
}

/** Acquires the first free lock, which is held while the promise returned to `locks.request()` is pending. */
async function claim(locks: LockManager | undefined, slots: readonly string[]): Promise<(() => void) | null> {
  if (!locks) return () => {}
  for (const slot of slots) {
    const release = await new Promise<(() => void) | null>((resolve) => {
      locks
        .request(slot, { ifAvailable: true }, (lock) => (lock ? new Promise<void>((free) => resolve(free)) : resolve(null)))
        // A page that may not use locks (an opaque origin) shares no connections with other tabs.
        .catch(() => resolve(() => {}))
    })
    if (release) return release
  }
  return null
}

/** Chromium has one permission from 142 on and two from 145 on; a browser rejects a name that it does not know. */
async function localAccess(space: 'loopback' | 'local'): Promise<PermissionState | undefined> {
  for (const name of [`${space}-network`, 'local-network-access']) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state
    } catch {
      // Try the next name, if there is one.
    }
  }
  return undefined
}

/** Not in the DOM library of TypeScript, nor in every browser. */
interface Prerendered {
  readonly prerendering?: boolean
}

const windowTypes = ['online', 'offline', 'pagehide', 'pageshow']
const documentTypes = ['visibilitychange', 'freeze', 'resume', 'securitypolicyviolation']

function listen(listener: (signal: PageSignal | Activation | Violation) => void): () => void {
  const { document } = globalThis
  // A worker has no document; its own global object gets the policy violations.
  const target: Pick<Document, 'addEventListener' | 'removeEventListener'> | undefined = document ?? globalThis
  const targetTypes = browserHost.isPrerendering() ? [...documentTypes, 'prerenderingchange'] : documentTypes
  let isLeaving = false
  // Captured, so that it runs before other `pagehide` listeners, which may still send and close over the connection. That is
  // ended after the next `visibilitychange`, of which there is none if the page is hidden already or dispatched the event itself.
  const lead = ({ isTrusted, persisted }: Event & { readonly persisted?: boolean }) => {
    if (!isTrusted) return
    isLeaving = !isHidden()
    listener({ type: 'leaving', persisted: !!persisted })
  }
  const run = (event: Event & { readonly disposition?: SecurityPolicyViolationEventDisposition }) => {
    // A report-only policy blocks nothing.
    if ((event.type === 'pagehide' && isLeaving) || event.disposition === 'report') return
    listener(signalOf(event))
    if (event.type !== 'visibilitychange' || !isLeaving) return
    isLeaving = false
    // Added during the dispatch, it runs after all listeners of the application to this event, which may send and close as well.
    globalThis.addEventListener('visibilitychange', () => isHidden() && listener({ type: 'pagehide' }), { once: true })
  }
  globalThis.addEventListener?.('pagehide', lead, true)
  for (const type of windowTypes) globalThis.addEventListener?.(type, run)
  for (const type of targetTypes) target.addEventListener?.(type, run)
  return () => {
    globalThis.removeEventListener?.('pagehide', lead, true)
    for (const type of windowTypes) globalThis.removeEventListener?.(type, run)
    for (const type of targetTypes) target.removeEventListener?.(type, run)
  }
}

function signalOf(event: Partial<PageTransitionEvent & SecurityPolicyViolationEvent>): PageSignal | Activation | Violation {
  const { type, persisted, blockedURI = '', effectiveDirective = '' } = event
  if (type === 'securitypolicyviolation') return { type: 'violation', blockedUrl: blockedURI, directive: effectiveDirective }
  if (type === 'prerenderingchange') return { type: 'activated' }
  const seen = globalThis.document?.visibilityState === 'hidden' ? 'hidden' : 'visible'
  return { type: type === 'visibilitychange' ? seen : type, persisted } as PageSignal
}

function engine(): Engine {
  const agent = globalThis.navigator?.userAgent ?? ''
  if (/Firefox\//.test(agent)) return 'firefox'
  if (/Chrom(e|ium)\//.test(agent)) return 'chromium'
  return /AppleWebKit\//.test(agent) ? 'webkit' : 'other'
}

/** Ignores errors: the storage may be missing, forbidden or full. */
function orUndefined<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
