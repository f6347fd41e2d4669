import type { LockEvents, TabHost } from '../../src/api/tab-host.ts'

/** One tab's share in the channels and locks of `tabs`: it can be frozen, and die without a word. */
export function mortalTab(tabs: TabHost) {
  let state: 'alive' | 'frozen' | 'dead' = 'alive'
  const delayed: (() => void)[] = []
  const releases = new Set<() => void>()
  const channels = new Set<() => void>()
  /** Does it now, when the tab is thawed, or never. */
  const asState = (task: () => void) => {
    if (state === 'alive') task()
    else if (state === 'frozen') delayed.push(task)
  }
  const host: TabHost = {
    lock(name, isStealing, events) {
      const own: LockEvents = { granted: () => asState(events.granted), lost: () => asState(events.lost) }
      const free = tabs.lock(name, isStealing, own)
      releases.add(free)
      return () =>
        asState(() => {
          releases.delete(free)
          free()
        })
    },
    held: () => tabs.held(),
    channel(name, heard) {
      const channel = tabs.channel(name, (message) => asState(() => heard(message)))
      channels.add(channel.close)
      return {
        post: (message) => asState(() => channel.post(message)),
        close: () => asState(() => channel.close()),
      }
    },
  }
  return {
    host,
    freeze() {
      state = 'frozen'
    },
    thaw() {
      state = 'alive'
      for (const task of delayed.splice(0)) task()
    },
    crash() {
      state = 'dead'
      for (const close of channels) close()
      for (const free of releases) free()
    },
  }
}
