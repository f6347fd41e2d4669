import type { LockEvents, TabHost } from '../../src/api/tab-host.ts'

/** The channels and locks that the tabs of an origin share, in this process: Node has no Web Locks. */
export function localTabs(): TabHost {
  const ears = new Map<string, Set<(message: unknown) => void>>()
  const holders = new Map<string, LockEvents>()
  const queues = new Map<string, LockEvents[]>()
  const grant = (name: string, events: LockEvents) => {
    holders.set(name, events)
    setImmediate(() => holders.get(name) === events && events.granted())
  }
  return {
    lock(name, isStealing, events) {
      const queue = queues.get(name) ?? []
      queues.set(name, queue)
      const holder = holders.get(name)
      if (holder && !isStealing) queue.push(events)
      else grant(name, events)
      if (holder && isStealing) setImmediate(() => holder.lost())
      return () => {
        queues.set(
          name,
          (queues.get(name) ?? []).filter((each) => each !== events),
        )
        if (holders.get(name) !== events) return
        holders.delete(name)
        const next = queues.get(name)?.shift()
        if (next) grant(name, next)
      }
    },
    held: async () => [...holders.keys()],
    channel(name, heard) {
      const all = ears.get(name) ?? new Set()
      ears.set(name, all)
      all.add(heard)
      return {
        post(message) {
          for (const ear of all) {
            const copy = structuredClone(message)
            setImmediate(() => all.has(ear) && ear(copy))
          }
        },
        close: () => void all.delete(heard),
      }
    },
  }
}
