import { cpuUsage, getActiveResourcesInfo, memoryUsage, resourceUsage } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** What is pending or was done in the attacked process, counted in it by code that is not attacked. */
export interface Account {
  /** The longest time in which no timer ran, since the last reset, in milliseconds of wall time. A busy machine adds to it. */
  readonly standstillMs: number
  /** The most CPU time between two runs of timers, since the last reset, in milliseconds. A busy machine adds nothing to it. */
  readonly standstillCpuMs: number
  /** CPU time since the last reset, in milliseconds. */
  readonly cpuMs: number
  readonly rss: number
  /** The highest resident set size of this process so far, in bytes. */
  readonly peakRss: number
  /** The used heap, in bytes; after `gc()` if the account was settled. */
  readonly heap: number
  readonly external: number
  /** Handles that keep the process alive, by their kind (`process.getActiveResourcesInfo()`). */
  readonly resources: Readonly<Record<string, number>>
  /** `setTimeout` and `setInterval` that have not run yet, those that keep nothing alive included. */
  readonly timers: number
  /** Connections that were accepted and are not closed. */
  readonly sockets: number
  /** Sessions for which `onSession` ran and `onEnd` has not. */
  readonly sessions: number
  /** Messages for which `onMessage` was called. */
  readonly handled: number
  /** The errors that `onError` and `clientError` listeners were given, and warnings of the process. */
  readonly errors: readonly string[]
}

/** The growth of the heap and of external memory, in bytes, without garbage. */
export function grown(after: Account, before: Account): number {
  return after.heap + after.external - before.heap - before.external
}

const tickMs = 5

/** Measures the process that it is in. */
export class Meters {
  readonly errors: string[] = []
  sockets = 0
  begun = 0
  over = 0
  handled = 0
  readonly #timers = new Set<unknown>()
  #cpuAtReset = cpuUsage()
  #cpuAtTick = 0
  #tickedAt = performance.now()
  #standstillMs = 0
  #standstillCpuMs = 0

  constructor() {
    const { setInterval } = globalThis
    this.#countTimers()
    setInterval(() => this.#tick(), tickMs).unref()
    process.on('warning', (warning) => this.report(warning))
  }

  report(error: unknown): void {
    this.errors.push(error instanceof Error ? String(error.stack ?? error) : String(error))
  }

  reset(): void {
    this.#tick()
    this.#standstillMs = 0
    this.#standstillCpuMs = 0
    this.#cpuAtReset = cpuUsage()
    this.#cpuAtTick = 0
  }

  /** An account is settled if garbage has been collected before it. */
  async account(isSettled: boolean): Promise<Account> {
    // A standstill that has just ended is noticed first.
    this.#tick()
    const cpuMs = this.#cpuMs()
    const standstill = { standstillMs: this.#standstillMs, standstillCpuMs: this.#standstillCpuMs }
    for (let round = 0; isSettled && round < 3; round += 1) {
      globalThis.gc?.()
      await sleep(10)
    }
    const { heapUsed, external, rss } = memoryUsage()
    const resources: Record<string, number> = {}
    for (const name of getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
    const { begun, over, handled, sockets, errors } = this
    return {
      ...standstill,
      cpuMs,
      rss,
      external,
      heap: heapUsed,
      peakRss: resourceUsage().maxRSS * 1024,
      resources,
      timers: this.#timers.size,
      sockets,
      sessions: begun - over,
      handled,
      errors: [...errors],
    }
  }

  #cpuMs(): number {
    const { user, system } = cpuUsage(this.#cpuAtReset)
    return (user + system) / 1000
  }

  #tick(): void {
    const now = performance.now()
    const cpu = this.#cpuMs()
    this.#standstillMs = Math.max(this.#standstillMs, now - this.#tickedAt - tickMs)
    this.#standstillCpuMs = Math.max(this.#standstillCpuMs, cpu - this.#cpuAtTick)
    this.#tickedAt = now
    this.#cpuAtTick = cpu
  }

  /** Counts timers itself, since Node does not report unreferenced ones, and a server has no others. */
  #countTimers(): void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis
    const timers = this.#timers
    const counted = (run: (...parameters: unknown[]) => void, delayMs?: number, ...parameters: unknown[]) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        run(...parameters)
      }, delayMs)
      timers.add(timer)
      return timer
    }
    const countedInterval = (run: (...parameters: unknown[]) => void, delayMs?: number, ...parameters: unknown[]) => {
      const timer = setInterval(run, delayMs, ...parameters)
      timers.add(timer)
      return timer
    }
    Object.assign(globalThis, {
      setTimeout: Object.assign(counted, setTimeout),
      setInterval: Object.assign(countedInterval, setInterval),
      clearTimeout(timer?: NodeJS.Timeout) {
        timers.delete(timer)
        clearTimeout(timer)
      },
      clearInterval(timer?: NodeJS.Timeout) {
        timers.delete(timer)
        clearInterval(timer)
      },
    })
  }
}
