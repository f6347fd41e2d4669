import type { Activation, Engine, Host, PageSignal, Violation } from '../api/host.ts'
import { monotonic } from './monotonic-clock.ts'
import { patient } from './patient.ts'

const clock = monotonic(() => Date.now())
const isHidden = () => globalThis.document?.visibilityState === 'hidden'

/**
 * The platform as it is: a page, a worker, or Node. One for all clients, since it knows nothing of any of them. Nothing is touched
 * before a client is made, and everything is looked up when it is used: globals may come late, and tests replace them.
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
  isPrerendering: () => !!(globalThis.document as Prerendered | undefined)?.prerendering,
  roundTripMs,
  recall(key) {
    return attempt(() => localStorage.getItem(key)) ?? null
  },
  remember(key, value) {
    attempt(() => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)))
  },
  claim: (slots) => claim(globalThis.navigator?.locks, slots),
  listen,
  localAccess,
  engine,
  get pageOrigin() {
    // Not that of its address: a sandboxed page has none, one without an address (srcdoc) that of the page around it.
    return globalThis.origin ?? globalThis.location?.origin
  },
}

/** The platform, with what the application replaces of it. */
export function hostWith(own: Partial<Host> | undefined): Host {
  if (!own) return browserHost
  const host = { ...browserHost, ...own }
  const timed = { ...host, ...(own.now ? monotonic(() => host.now()) : clock) }
  return own.after ? { ...timed, after: patient({ ...timed, after: (delayMs, run) => host.after(delayMs, run) }) } : timed
}

function setTimer(delayMs: number, run: () => void): () => void {
  // Timers overflow beyond 2^31 − 1 ms and then fire at once.
  const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1))
  return () => clearTimeout(timer)
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

/** Chromium has one permission from 142 on and two from 145 on; a browser rejects a name that it does not know. */
async function localAccess(space: 'loopback' | 'local'): Promise<PermissionState | undefined> {
  for (const name of [`${space}-network`, 'local-network-access']) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state
    } catch {
      // The next name, if there is one.
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
  // A worker has no document, and is told itself of what its policy forbids.
  const target: Pick<Document, 'addEventListener' | 'removeEventListener'> | undefined = document ?? globalThis
  const targetTypes = browserHost.isPrerendering() ? [...documentTypes, 'prerenderingchange'] : documentTypes
  let isLeaving = false
  // Heard before any other listener hears of it: what those send and close must still find the connection. It is put away with the
  // `visibilitychange` that follows, which does not where the page is hidden already or has made the event itself.
  const lead = ({ isTrusted, persisted }: Event & { readonly persisted?: boolean }) => {
    if (!isTrusted) return
    isLeaving = !isHidden()
    listener({ type: 'leaving', persisted: persisted === true })
  }
  const run = (event: Event) => {
    if (event.type === 'pagehide' && isLeaving) return
    // A policy that only reports forbids nothing.
    if ('disposition' in event && event.disposition === 'report') return
    listener(signalOf(event))
    if (event.type !== 'visibilitychange' || !isLeaving) return
    isLeaving = false
    listener({ type: 'pagehide' })
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

/** Storage may be missing, forbidden or full: none of that is worth an error. */
function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
