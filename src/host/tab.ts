import type { TabStorage } from '../api/host.ts'

/** The platform's storage for one tab, and its locks; in its own file, so that only clients with `storage` load it. */
export const browserTab: TabStorage = {
  read(key) {
    try {
      return sessionStorage.getItem(key)
    } catch {
      return null
    }
  },
  write(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key)
      else sessionStorage.setItem(key, value)
      return true
    } catch {
      return false
    }
  },
  async lock(name, withinMs) {
    const locks: LockManager | undefined = globalThis.navigator?.locks
    if (!locks) return undefined
    const limit = new AbortController()
    // If the page's thread was busy meanwhile, the grant is already queued, behind this timer.
    const timer = setTimeout(() => setTimeout(() => limit.abort()), withinMs)
    return new Promise((resolve) => {
      locks
        // The lock is held while the returned promise is pending.
        .request(name, { signal: limit.signal }, () => {
          clearTimeout(timer)
          return new Promise<void>((free) => resolve(free))
        })
        .catch(() => {
          clearTimeout(timer)
          // A page that may not use locks (an opaque origin) is treated like a platform without them.
          resolve(limit.signal.aborted ? null : undefined)
        })
    })
  },
}
