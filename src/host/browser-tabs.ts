import type { TabHost } from '../api/host.ts'

/** The browser's `TabHost`; `null` without Web Locks or `BroadcastChannel` (an insecure context, an opaque origin, Node). */
export function browserTabs(): TabHost | null {
  const locks = globalThis.navigator?.locks
  const Channel = globalThis.BroadcastChannel
  // A page with an opaque origin has both APIs but may use neither.
  if (!locks || !Channel || !globalThis.isSecureContext || globalThis.origin === 'null') return null
  return {
    lock(name, isStealing, { granted, lost }) {
      const controller = new AbortController()
      let free: (() => void) | null = null
      // The lock is held while the returned promise is pending.
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
      // A `BroadcastChannel` does not receive its own messages: with a second one the tab does, in the same order as all others.
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
