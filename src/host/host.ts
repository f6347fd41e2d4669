/** What the page (or worker, or test) tells the client about itself. Hints, never commands: no signal proves anything about the network. */
export type PageSignal =
  | { readonly type: 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'freeze' | 'resume' }
  | { readonly type: 'pageshow'; readonly persisted: boolean }

/** The page's Content-Security-Policy forbade a request. */
export interface Violation {
  readonly type: 'violation'
  /** What was to be connected to; often the origin alone. */
  readonly blockedUrl: string
  readonly directive: string
}

/** Whose browser it is; `other` also where there is none. */
export type Engine = 'chromium' | 'firefox' | 'webkit' | 'other'

/** The part of the browser's `WebSocket` that the client uses. */
export interface WebSocketLike {
  binaryType: BinaryType
  readonly bufferedAmount: number
  readonly protocol: string
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onerror: ((event: Event) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(data: string | ArrayBuffer | Blob): void
  close(code?: number, reason?: string): void
}

/**
 * Everything that the client needs from its surroundings. It is a port, so that the client runs in a page, in a worker, in
 * Node and under a virtual clock without a line of difference; `host/browser.ts` is the real one.
 */
export interface Host {
  /** Wall-clock milliseconds. Not a monotonic clock on purpose: it must go on while the machine sleeps. */
  now(): number
  /** Runs something once, later; returns the way to cancel it. */
  after(delayMs: number, run: () => void): () => void
  /** A number in [0, 1), as `Math.random()`. */
  random(): number
  /** Random bytes that nobody can guess. */
  randomBytes(length: number): Uint8Array
  /** Reports an error that belongs to the application (a listener that threw) without stopping the client. */
  report(error: unknown): void
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
  listen(listener: (signal: PageSignal | Violation) => void): () => void
  /** Whose browser it is, since what an event means differs between them. */
  engine(): Engine
  /** Where the page came from (`https://host`); `undefined` where there is no page. */
  readonly pageOrigin: string | undefined
}
