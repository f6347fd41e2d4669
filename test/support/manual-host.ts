import { onTestFailed } from 'vitest'
import type { Activation, Host, PageSignal, Violation } from '../../src/api/host.ts'

/** A clock that advances only by calls. Timers run in order, each at its own time. */
export class ManualClock {
  #now: number
  #lastId = 0
  readonly #timers = new Map<number, { readonly at: number; readonly run: () => void }>()

  constructor(now = 0) {
    this.#now = now
  }

  get pending(): number {
    return this.#timers.size
  }

  /** The time of the next timer. */
  get nextAt(): number {
    return Math.min(Infinity, ...[...this.#timers.values()].map(({ at }) => at))
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, run: () => void): () => void {
    this.#lastId += 1
    const id = this.#lastId
    this.#timers.set(id, { at: this.#now + delayMs, run })
    return () => this.#timers.delete(id)
  }

  advance(ms: number): void {
    const until = this.#now + ms
    while (this.nextAt <= until) {
      this.#now = Math.max(this.#now, this.nextAt)
      this.runNext()
    }
    this.#now = until
  }

  /** The computer sleeps: the clock advances, no timer runs. Due timers run with the next `advance`. */
  sleep(ms: number): void {
    this.#now += ms
  }

  /** Runs the earliest timer if it is due; of several at the same time the one that was set first. */
  runNext(): boolean {
    const at = this.nextAt
    if (at > this.#now) return false
    const [id, timer] = [...this.#timers].find(([, each]) => each.at === at) ?? []
    if (id === undefined || !timer) return false
    this.#timers.delete(id)
    timer.run()
    return true
  }
}

export interface ManualHostOptions {
  /** A constant for `random()`, `'seeded'` for a stream from `seed`. @defaultValue 0.5 */
  readonly random?: number | 'seeded'
  readonly seed?: number
  readonly now?: number
  readonly isOnline?: boolean
  readonly isHidden?: boolean
  readonly isPrerendering?: boolean
  readonly isLive?: boolean
  readonly roundTripMs?: number
  /** Several hosts that share it are several visits of one browser. */
  readonly storage?: Map<string, string>
}

/** A fake page. */
export interface ManualPage {
  readonly host: Host
  readonly clock: ManualClock
  readonly storage: Map<string, string>
  /** Errors thrown by listeners. */
  readonly reported: unknown[]
  /** Lines written to the console. */
  readonly logged: string[]
  /** How many listeners the page's signals have. */
  readonly listening: () => number
  signal(signal: PageSignal | Exclude<PageSignal['type'], 'pageshow'>): void
  /** The prerendered page is shown. */
  activate(): void
  /** The page's Content-Security-Policy blocks a URL. */
  forbid(blockedUrl: string, directive?: string): void
  /** Lets time pass and, between any two timers, all promises settle. */
  pass(ms: number): Promise<void>
}

export function manualPage(options: ManualHostOptions = {}): ManualPage {
  const { random = 0.5, now = 0, isLive = true, roundTripMs, storage = new Map<string, string>() } = options
  const clock = new ManualClock(now)
  const listeners = new Set<(signal: PageSignal | Activation | Violation) => void>()
  const reported: unknown[] = []
  const logged: string[] = []
  const next = random === 'seeded' ? seededRandom(options.seed) : () => random
  let isOnline = options.isOnline ?? true
  let isHidden = options.isHidden ?? false
  let isPrerendering = options.isPrerendering ?? false
  const host: Host = {
    now: () => clock.now(),
    wallTime: (at) => at,
    after: (delayMs, run) => clock.after(delayMs, run),
    random: next,
    randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
    report: (error) => void reported.push(error),
    log: (level, line) => void logged.push(`${level} ${line}`),
    fetch: undefined,
    WebSocket: undefined,
    engine: () => 'other',
    pageOrigin: undefined,
    baseUrl: 'https://app.example/',
    isLive,
    isOnline: () => isOnline,
    isHidden: () => isHidden,
    isPrerendering: () => isPrerendering,
    roundTripMs: () => roundTripMs,
    recall: (key) => storage.get(key) ?? null,
    remember: (key, value) => void (value === null ? storage.delete(key) : storage.set(key, value)),
    claim: () => Promise.resolve(() => {}),
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return {
    host,
    clock,
    storage,
    reported,
    logged,
    listening: () => listeners.size,
    signal(signal) {
      const whole = typeof signal === 'string' ? { type: signal } : signal
      if (whole.type === 'online' || whole.type === 'offline') isOnline = whole.type === 'online'
      if (whole.type === 'visible' || whole.type === 'hidden') isHidden = whole.type === 'hidden'
      for (const listener of [...listeners]) listener(whole)
    },
    activate() {
      isPrerendering = false
      for (const listener of [...listeners]) listener({ type: 'activated' })
    },
    forbid(blockedUrl, directive = 'connect-src') {
      for (const listener of [...listeners]) listener({ type: 'violation', blockedUrl, directive })
    },
    async pass(ms) {
      const until = clock.now() + ms
      await promised()
      while (clock.nextAt <= until) {
        clock.advance(Math.max(0, clock.nextAt - clock.now()))
        await promised()
      }
      clock.advance(until - clock.now())
    },
  }
}

/** Lets all promises settle that do not wait for a timer. */
export async function promised(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** The same numbers for the same seed (mulberry32). A failing test prints its seed, and `SEED=… vitest` repeats it. */
export function seededRandom(seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))): () => number {
  onTestFailed(() => void process.stderr.write(`random numbers were drawn with SEED=${seed}\n`))
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
