import type { TabHost } from '../api/host.ts'

/** The tabs of this browser; `null` where this page has no Web Locks or no `BroadcastChannel` (an insecure context, an opaque origin, Node). */
export function browserTabs(): TabHost | null {
  const locks = globalThis.navigator?.locks
  const Channel = globalThis.BroadcastChannel
  // A page of an opaque origin has both, and may use neither.
  if (!locks || !Channel || !globalThis.isSecureContext || globalThis.origin === 'null') return null
  return {
    lock(name, isStealing, { granted, lost }) {
      const controller = new AbortController()
      let free: (() => void) | null = null
      // A lock is held for as long as the promise given to it is pending.
      const hold = () => {
        if (controller.signal.aborted) return undefined
        const held = new Promise<void>((resolve) => {
          free = resolve
        })
        granted()
        return held
      }
      const options = isStealing ? { steal: true } : { signal: controller.signal }
      locks.request(name, options, hold).catch(() => {
        if (free && !controller.signal.aborted) lost()
      })
      return () => {
        controller.abort()
        free?.()
      }
    },
    held: async () => ((await locks.query()).held ?? []).flatMap((lock) => lock.name ?? []),
    channel(name, heard) {
      // What a channel posts, every other object of its name hears: with two of them a tab hears itself among the others, in the same order.
      const ear = new Channel(name)
      const mouth = new Channel(name)
      ear.onmessage = ({ data }) => heard(data)
      return {
        post: (message) => mouth.postMessage(message),
        close() {
          ear.close()
          mouth.close()
        },
      }
    },
  }
}
