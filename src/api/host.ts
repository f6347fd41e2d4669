import type { TabHost } from './tab-host.ts'

export type { TabHost }

/** What the page (or worker, or test) tells the client about itself. Hints, never commands: no signal proves anything about the network. */
export type PageSignal =
  /**
   * The page goes away, and its own listeners to `pagehide` have not run yet: what they send must outlive it. `persisted` where the browser may
   * keep the page for a return (back/forward cache).
   */
  | { readonly type: 'leaving'; readonly persisted?: boolean }
  | { readonly type: 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'freeze' | 'resume' }
  | { readonly type: 'pageshow'; readonly persisted: boolean }

/** The page was prerendered (Speculation Rules) and is shown now. */
export interface Activation {
  readonly type: 'activated'
}

/** The page's Content-Security-Policy forbade a request. */
export interface Violation {
  readonly type: 'violation'
  /** What was to be connected to; often the origin alone. */
  readonly blockedUrl: string
  readonly directive: string
}

/** Whose browser it is; `other` also where there is none. */
export type Engine = 'chromium' | 'firefox' | 'webkit' | 'other'

/** The part of the browser's `WebSocket` that the client uses, in types that Node has as well. */
export interface WebSocketLike {
  binaryType: 'arraybuffer' | 'blob'
  readonly bufferedAmount: number
  readonly protocol: string
  onopen: ((event: object) => void) | null
  onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null
  onerror: ((event: object) => void) | null
  onclose: ((event: { readonly code: number; readonly reason: string; readonly wasClean: boolean }) => void) | null
  send(data: string | ArrayBuffer | Blob): void
  close(code?: number, reason?: string): void
}

/** What belongs to one tab, survives a reload, and is copied with the tab (`sessionStorage`); and what tells its pages apart (Web Locks). */
export interface TabStorage {
  /** Reads what `write` stored; `null` where there is nothing or no storage. */
  read(key: string): string | null
  /** Stores a text, `null` removes it; returns whether that was done: a storage may be full, forbidden or missing. */
  write(key: string, value: string | null): boolean
  /**
   * Takes the lock of that name, which one page of this origin can have at a time, in whichever tab: resolves with the way to give it back,
   * with `null` where another page has had it for so many milliseconds, and with `undefined` where the platform has no locks (a page that
   * is no secure context).
   */
  lock(name: string, withinMs: number): Promise<(() => void) | null | undefined>
}

/**
 * Everything that the client needs from its surroundings. It is a port, so that the client runs in a page, in a worker, in
 * Node and under a virtual clock without a line of difference; `host/browser.ts` is the real one.
 */
export interface Host {
  /** Wall-clock milliseconds. Not a monotonic clock on purpose: it must go on while the machine sleeps. */
  now(): number
  /** An instant of `now()` by the device's clock as it is set now, for what people are shown. */
  wallTime(at: number): number
  /** Runs something once, later; returns the way to cancel it. */
  after(delayMs: number, run: () => void): () => void
  /** A number in [0, 1), as `Math.random()`. */
  random(): number
  /** Random bytes that nobody can guess. */
  randomBytes(length: number): Uint8Array
  /** How the browser names itself; for reports only. */
  readonly userAgent?: string | undefined
  /** Reports an error that belongs to the application (a listener that threw) without stopping the client. */
  report(error: unknown): void
  /** Writes a line to the console: what `debug` tells, or that the client has ended and nobody listens. */
  log(level: 'debug' | 'error', line: string): void
  /** The platform's `fetch`, or `undefined` where there is none. */
  readonly fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** The platform's `WebSocket` (or one with its interface, as that of `ws`), or `undefined` where there is none. */
  readonly WebSocket: (new (url: string, protocols?: string[]) => object) | undefined
  /** What relative URLs resolve against; `undefined` where there is no page. */
  readonly baseUrl: string | undefined
  /** Whether a client made here may connect by itself: a page or a worker, but not server-side rendering. */
  readonly isLive: boolean
  isOnline(): boolean
  isHidden(): boolean
  /** Whether the page is only being prerendered: the browser holds back WebSockets and locks, and perhaps nobody ever sees it. */
  isPrerendering(): boolean
  /** One round trip to that URL's origin, where the page already knows it (Navigation Timing); else `undefined`. */
  roundTripMs(url: URL): number | undefined
  /** Reads what `remember` stored; `null` where there is nothing or no storage. */
  recall(key: string): string | null
  /** Stores a small text beyond the page's life, `null` removes it; where there is no storage nothing happens. */
  remember(key: string, value: string | null): void
  /**
   * Takes one of the named slots, if one is free over all tabs of this origin (Web Locks); resolves with the way to give it
   * back, or with `null` when all are taken.
   */
  claim(slots: readonly string[]): Promise<(() => void) | null>
  /** Listens to the page's signals and to what its policy forbids; returns the way to stop. */
  listen(listener: (signal: PageSignal | Activation | Violation) => void): () => void
  /** The storage of the tab, where a session is kept beyond its page; absent: the platform's own. */
  readonly tab?: TabStorage | undefined
  /** What tabs need to share a connection (`steadfast/shared`), which has that of the browser itself; absent: that of the browser. */
  readonly tabs?: TabHost | undefined
  /** The page's permission to connect to that address space; absent or `undefined` where the platform has no such permission. */
  localAccess?(space: 'loopback' | 'local'): Promise<'granted' | 'denied' | 'prompt' | undefined>
  /** Whose browser it is, since what an event means differs between them. */
  engine(): Engine
  /** The page's origin (`https://host`), `'null'` where it has an opaque one; `undefined` where there is no page. */
  readonly pageOrigin: string | undefined
}
