import type { TabHost } from './tab-host.ts'

export type { LockEvents, TabChannel, TabHost } from './tab-host.ts'

/** An event of the page (or worker, or test). It is only a hint: no such event proves anything about the network. */
export type PageSignal =
  /**
   * The page is being unloaded, and its own `pagehide` listeners have not run yet: what they send must outlive the page.
   * `persisted`: the browser may keep the page in the back/forward cache.
   */
  | { readonly type: 'leaving'; readonly persisted?: boolean }
  | { readonly type: 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'freeze' | 'resume' }
  | { readonly type: 'pageshow'; readonly persisted: boolean }

/** The page was prerendered (Speculation Rules) and is now visible. */
export interface Activation {
  readonly type: 'activated'
}

/** The page's Content-Security-Policy blocked a request. */
export interface Violation {
  readonly type: 'violation'
  /** The blocked URL; often only its origin. */
  readonly blockedUrl: string
  readonly directive: string
}

/** The browser engine; `other` also where there is no browser. */
export type Engine = 'chromium' | 'firefox' | 'webkit' | 'other'

/** The part of the browser's `WebSocket` that the client uses, without DOM types, so that it compiles in Node. */
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

/** The storage of a tab, which survives reloads and is copied with the tab (`sessionStorage`), and locks to tell copies apart. */
export interface TabStorage {
  /** Returns the text that `write` stored; `null` if there is none, or no storage. */
  read(key: string): string | null
  /** Stores a text (`null` removes it); returns whether it succeeded: the storage may be full, forbidden or missing. */
  write(key: string, value: string | null): boolean
  /**
   * Acquires the named lock, which one page of this origin can hold at a time, over all tabs. Resolves with a function that
   * releases it, with `null` if another page still holds it after `withinMs` milliseconds, or with `undefined` if the platform
   * has no locks (a page outside a secure context).
   */
  lock(name: string, withinMs: number): Promise<(() => void) | null | undefined>
}

/**
 * Everything that the client needs from its platform. It is a port, so that the same client runs in a page, in a worker, in
 * Node and under a virtual clock; `host/browser.ts` implements it for browsers.
 */
export interface Host {
  /** The time in milliseconds. Not a monotonic clock (`performance.now()`), because it must advance while the machine sleeps. */
  now(): number
  /** Converts an instant of `now()` to the device's clock as it is set at present, for timestamps that are shown to people. */
  wallTime(at: number): number
  /** Calls `run` once after `delayMs` milliseconds; returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void
  /** Returns a number in [0, 1), as `Math.random()` does. */
  random(): number
  /** Returns cryptographically random bytes. */
  randomBytes(length: number): Uint8Array
  /** The browser's user agent string; only for reports. */
  readonly userAgent?: string | undefined
  /** Reports an error of the application (a listener threw, say) without stopping the client. */
  report(error: unknown): void
  /** Writes a line to the console: a line of the option `debug`, or the final error of a client that has no `error` listener. */
  log(level: 'debug' | 'error', line: string): void
  /** The platform's `fetch`; `undefined` if it has none. */
  readonly fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** The platform's `WebSocket`, or a class with its interface such as that of `ws`; `undefined` if there is none. */
  readonly WebSocket: (new (url: string, protocols?: string[]) => object) | undefined
  /** The base of relative URLs; `undefined` if there is no page. */
  readonly baseUrl: string | undefined
  /** Whether clients connect automatically: true in a page or a worker, false in server-side rendering. */
  readonly isLive: boolean
  isOnline(): boolean
  isHidden(): boolean
  /** Whether the page is being prerendered: then the browser defers WebSockets and locks, and may never show the page. */
  isPrerendering(): boolean
  /** Whether a service worker can answer the page's requests. */
  isControlled?(): boolean
  /** Returns the round trip to the URL's origin in milliseconds, if Navigation Timing has measured it; else `undefined`. */
  roundTripMs(url: URL): number | undefined
  /** Returns the text that `remember` stored; `null` if there is none, or no storage. */
  recall(key: string): string | null
  /** Stores a small text that outlives the page (`null` removes it); does nothing if there is no storage. */
  remember(key: string, value: string | null): void
  /**
   * Acquires one of the named slots, if one is free over all tabs of this origin (Web Locks); resolves with a function that
   * releases it, or with `null` if all are taken.
   */
  claim(slots: readonly string[]): Promise<(() => void) | null>
  /** Adds a listener for the page's events and its policy violations; returns a function that removes it. */
  listen(listener: (signal: PageSignal | Activation | Violation) => void): () => void
  /** The storage of the tab, in which a session survives a reload. @defaultValue the platform's own */
  readonly tab?: TabStorage | undefined
  /** The locks and channels with which tabs share a connection (`steadfast/shared`). @defaultValue those of the browser */
  readonly tabs?: TabHost | undefined
  /** Returns the page's permission to connect to that address space; absent or `undefined` if the platform has none. */
  localAccess?(space: 'loopback' | 'local'): Promise<'granted' | 'denied' | 'prompt' | undefined>
  /** Returns the browser engine, since the same event can mean different failures in different engines. */
  engine(): Engine
  /** The page's origin (`https://host`), `'null'` if it is opaque; `undefined` if there is no page. */
  readonly pageOrigin: string | undefined
}
