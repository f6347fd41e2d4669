import type { TabStorage } from '../api/host.ts'

/** The platform's storage for one tab, and its locks; apart from the other host, since only who stores a session loads it. */
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
    const timer = setTimeout(() => limit.abort(), withinMs)
    return new Promise((resolve) => {
      locks
        // It is held for as long as the promise given to it is pending.
        .request(name, { signal: limit.signal }, () => {
          clearTimeout(timer)
          return new Promise<void>((free) => resolve(free))
        })
        .catch(() => {
          clearTimeout(timer)
          // Without the right to use locks (an opaque origin) it is as if there were none.
          resolve(limit.signal.aborted ? null : undefined)
        })
    })
  },
}
