import type { LockEvents, TabChannel, TabHost } from '../api/host.ts'

/**
 * How long the browser may take to grant its first lock, in milliseconds: each tab has one that no other tab asks for. In two parts:
 * if the page's thread was busy, the lock's callback comes between them.
 */
const firstLockMs = [2500, 500] as const

/**
 * The browser's `TabHost`; `null` without Web Locks or `BroadcastChannel` (an insecure context, an opaque origin, Node, or Firefox
 * where the user has blocked all cookies, whose channels throw).
 */
export function browserTabs(): TabHost | null {
  const locks = globalThis.navigator?.locks
  const Channel = globalThis.BroadcastChannel
  // A page with an opaque origin has both APIs but may use neither.
  if (!locks || !Channel || !globalThis.isSecureContext || globalThis.origin === 'null') return null
  try {
    new Channel('steadfast').close()
  } catch {
    return null
  }
  return new BrowserTabs(locks, Channel)
}

/** If the browser refuses locks, as where storage is blocked, or never grants any, this tab is alone: it has all locks, and hears only itself. */
class BrowserTabs implements TabHost {
  readonly #locks: LockManager
  readonly #Channel: typeof BroadcastChannel
  #isAlone = false
  #hasLock = false
  /** Grants the locks that were requested and not granted yet. */
  readonly #waiting = new Set<() => void>()

  constructor(locks: LockManager, Channel: typeof BroadcastChannel) {
    this.#locks = locks
    this.#Channel = Channel
  }

  lock(name: string, isStealing: boolean, { granted, lost }: LockEvents): () => void {
    const controller = new AbortController()
    const { signal } = controller
    let free: (() => void) | null = null
    let held: Promise<void> | undefined
    const take = () => {
      clearTimeout(timer)
      if (!this.#waiting.delete(take) || signal.aborted) return
      held = new Promise<void>((resolve) => {
        free = resolve
      })
      granted()
    }
    this.#waiting.add(take)
    const [busyMs, restMs] = firstLockMs
    const waitOn = () => {
      timer = setTimeout(() => this.#goAlone(), restMs)
    }
    let timer = this.#hasLock ? undefined : setTimeout(waitOn, busyMs)
    // The lock is held while the returned promise is pending.
    const onGranted = () => {
      this.#hasLock = true
      take()
      return held
    }
    if (this.#isAlone) queueMicrotask(take)
    else
      this.#locks.request(name, isStealing ? { steal: true } : { signal }, onGranted).catch(() => {
        if (signal.aborted) return
        if (free) lost()
        else this.#goAlone()
      })
    return () => {
      clearTimeout(timer)
      controller.abort()
      this.#waiting.delete(take)
      free?.()
    }
  }

  async held(): Promise<readonly string[]> {
    if (this.#isAlone) return []
    return ((await this.#locks.query()).held ?? []).flatMap((lock) => lock.name ?? [])
  }

  channel(name: string, heard: (message: unknown) => void): TabChannel {
    // A `BroadcastChannel` does not receive its own messages: with a second one the tab does, in the same order as all others.
    const receiver = new this.#Channel(name)
    const sender = new this.#Channel(name)
    let isOpen = true
    receiver.onmessage = ({ data }) => {
      if (!this.#isAlone) heard(data)
    }
    return {
      post: (message) => {
        if (!this.#isAlone) sender.postMessage(message)
        else {
          const copy: unknown = structuredClone(message)
          queueMicrotask(() => isOpen && heard(copy))
        }
      },
      close() {
        isOpen = false
        receiver.close()
        sender.close()
      },
    }
  }

  #goAlone(): void {
    if (this.#hasLock) return
    this.#isAlone = true
    for (const take of [...this.#waiting]) take()
  }
}
