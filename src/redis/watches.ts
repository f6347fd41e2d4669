import type { Watch } from '../server/store/ports.ts'
import type { Buckets } from './buckets.ts'
import type { Connector, SubscriberClient } from './clients/contracts.ts'
import { messageOf } from './failures.ts'
import type { RedisHost } from './host.ts'
import { callAll, type Listener, settle, type Watcher } from './watcher.ts'

export interface WatchSettings {
  readonly connector: Connector
  readonly buckets: Buckets
  readonly timeoutMs: number
  readonly host: RedisHost
}

/** How many channels one command subscribes to. */
const atOnce = 500
const retryMs = 200

/** Listeners by channel, over one connection. Many channels share a command, and one command is in progress at a time. */
export class Watches {
  readonly #settings: WatchSettings
  readonly #watchers = new Map<string, Set<Watcher>>()
  /** The channels to which this connection is subscribed. */
  readonly #inForce = new Set<string>()
  readonly #missing = new Set<string>()
  readonly #excess = new Set<string>()
  #client: SubscriberClient | null = null
  #isReady = false
  #isClosed = false
  #isFlushing = false
  #generation = 0
  #cause: unknown
  #connectedAt = 0

  constructor(settings: WatchSettings) {
    this.#settings = settings
    this.#connect()
  }

  /** When the connection attempt began, by the monotonic clock. */
  get connectedAt(): number {
    return this.#connectedAt
  }

  get isReady(): boolean {
    return this.#isReady
  }

  isInForce(channel: string): boolean {
    return this.#inForce.has(channel)
  }

  watch(channel: string, listener: Listener): Watch {
    const watcher: Watcher = { listener, pending: null }
    const others = this.#watchers.get(channel)
    if (others) others.add(watcher)
    else this.#watchers.set(channel, new Set([watcher]))
    const stop = () => this.#stop(channel, watcher)
    this.#excess.delete(channel)
    if (this.#inForce.has(channel)) return { ready: null, stop }
    const ready = new Promise<void>((resolve, reject) => {
      const { host, timeoutMs } = this.#settings
      if (this.#isClosed) return reject(new Error('redisStore: it was closed.'))
      const cancel = host.after(timeoutMs, () => {
        watcher.pending = null
        reject(
          new Error(`redisStore: could not subscribe within ${timeoutMs} ms (timeoutMs).${this.#why()}`, { cause: this.#cause }),
        )
      })
      watcher.pending = { resolve, reject, cancel }
    })
    // A caller may ignore the promise.
    ready.catch(() => {})
    this.#missing.add(channel)
    this.#flushSoon()
    return { ready, stop }
  }

  /** Announces that changes of a bucket may have been missed. */
  announceMissed(bucket: number): void {
    const base = this.#settings.buckets.base(bucket)
    for (const [channel, watchers] of this.#watchers) if (channel.startsWith(base)) callAll(watchers, null)
  }

  /** The watched channels with this prefix, without the prefix. */
  *watched(prefix: string): Iterable<string> {
    for (const channel of this.#watchers.keys()) if (channel.startsWith(prefix)) yield channel.slice(prefix.length)
  }

  /** Drops the connection, which is silent, and opens another. */
  restart(cause: unknown): void {
    if (this.#isClosed) return
    this.#cause = cause
    this.#connect()
  }

  close(): void {
    this.#isClosed = true
    this.#generation += 1
    this.#isReady = false
    this.#client?.close()
    this.#client = null
    for (const watchers of this.#watchers.values()) {
      for (const watcher of watchers) settle(watcher, new Error('redisStore: it was closed.'))
    }
    this.#watchers.clear()
    this.#inForce.clear()
  }

  #why(): string {
    return this.#cause === undefined ? '' : ` The last error was: ${messageOf(this.#cause)}`
  }

  #stop(channel: string, watcher: Watcher): void {
    watcher.listener = null
    settle(watcher, null)
    const watchers = this.#watchers.get(channel)
    if (!watchers?.delete(watcher) || watchers.size > 0) return
    this.#watchers.delete(channel)
    this.#missing.delete(channel)
    if (!this.#inForce.has(channel)) return
    this.#excess.add(channel)
    this.#flushSoon()
  }

  #connect(): void {
    const before = this.#client
    this.#generation += 1
    const generation = this.#generation
    this.#connectedAt = this.#settings.host.elapsedMs()
    this.#lost()
    this.#client = null
    before?.close()
    const isCurrent = () => generation === this.#generation
    this.#client = this.#settings.connector.subscriber({
      ready: () => {
        if (!isCurrent()) return
        this.#connectedAt = this.#settings.host.elapsedMs()
        this.#lost()
        this.#isReady = true
        this.#flushSoon()
      },
      lost: (cause) => {
        if (!isCurrent()) return
        this.#cause = cause
        this.#lost()
      },
      message: (channel, message) => {
        const watchers = this.#watchers.get(channel)
        if (isCurrent() && watchers) callAll(watchers, message)
      },
    })
  }

  #lost(): void {
    this.#isReady = false
    this.#inForce.clear()
    this.#excess.clear()
    for (const channel of this.#watchers.keys()) this.#missing.add(channel)
  }

  #flushSoon(): void {
    if (this.#isFlushing || !this.#isReady) return
    this.#isFlushing = true
    // All channels that are watched in one task share a command.
    Promise.resolve()
      .then(() => this.#flush())
      .catch((cause) => {
        this.#cause = cause
        this.#settings.host.after(retryMs, () => this.#flushSoon())
      })
  }

  async #flush(): Promise<void> {
    try {
      while (this.#isReady && this.#client && (this.#missing.size > 0 || this.#excess.size > 0))
        await this.#flushPart(this.#client)
    } finally {
      // At once: whoever watches a channel after the last look at the sets flushes again.
      this.#isFlushing = false
    }
  }

  async #flushPart(client: SubscriberClient): Promise<void> {
    const generation = this.#generation
    const missing = this.#part(this.#missing)
    if (missing.length > 0) {
      await client.subscribe(missing)
      if (generation !== this.#generation || !this.#isReady) return
      for (const channel of missing) this.#established(channel)
      return
    }
    const excess = this.#part(this.#excess)
    for (const channel of excess) {
      this.#excess.delete(channel)
      this.#inForce.delete(channel)
    }
    await client.unsubscribe(excess)
  }

  /** Channels of one bucket: in a cluster a command may name those of one slot only. */
  #part(channels: ReadonlySet<string>): string[] {
    const part: string[] = []
    let bucket: number | undefined
    for (const channel of channels) {
      const of = this.#settings.buckets.ofChannel(channel)
      bucket ??= of
      if (of === bucket) part.push(channel)
      if (part.length === atOnce) break
    }
    return part
  }

  #established(channel: string): void {
    this.#missing.delete(channel)
    this.#inForce.add(channel)
    const watchers = this.#watchers.get(channel)
    if (!watchers) {
      this.#excess.add(channel)
      return
    }
    // A watcher whose `ready` was pending has missed nothing since; all others may have.
    const others = [...watchers].filter(({ pending }) => !pending)
    for (const watcher of watchers) settle(watcher, null)
    callAll(others, null)
  }
}
