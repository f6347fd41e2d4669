import type { SharedConnection } from '../api/options.ts'
import type { ConnectionSharing, SharingClient, Wired } from '../api/sharing.ts'
import { browserTabs } from '../host/browser-tabs.ts'
import { fail, failUnknown } from '../util/check-options.ts'
import { isSession, SharedTab } from './shared-tab.ts'

export type { SharedConnection } from '../api/options.ts'
export type { LockEvents, TabChannel, TabHost } from '../api/tab-host.ts'

/** The options of a connection that tabs share. */
export interface SharedOptions {
  /**
   * Tabs with the same key share a connection if the URL and the options of the session are the same as well. Users who must not
   * see each other's messages need different keys: put the id of the user in it.
   */
  readonly key: string
}

/**
 * One connection for all tabs of a browser that have the page open: one tab leads, the others follow, and each behaves as if the
 * connection were its own. In a browser without Web Locks or `BroadcastChannel`, each tab has a connection of its own.
 *
 * @throws TypeError for an invalid option
 * @example
 * import { RealtimeClient } from 'steadfast'
 * import { session } from 'steadfast/session'
 * import { shared } from 'steadfast/shared'
 *
 * const client = new RealtimeClient('/realtime', { protocol: session(), connection: shared({ key: user.id }) })
 */
export function shared(options: SharedOptions): SharedConnection {
  const { key, ...others } = options ?? {}
  for (const [name, value] of Object.entries(others)) failUnknown('shared().', name, value, ['key'])
  if (typeof key !== 'string' || !key) fail('shared().key', key, 'a non-empty string that contains the id of the user')
  const sharing: ConnectionSharing = { name: 'shared', share: (client) => sharedBy(client, key) }
  return sharing
}

function sharedBy<Out>(client: SharingClient<Out>, key: string): Wired<Out> {
  const { host, settings, port, events } = client
  const { mode } = settings
  if (!isSession(mode)) fail('protocol', mode.name, 'session(), since shared() keeps a session in all tabs')
  const tabs = host.tabs ?? browserTabs()
  if (tabs) return new SharedTab(client, mode, tabs, key).wired
  client.note('shared() finds no Web Locks or BroadcastChannel, so this tab has a connection of its own')
  const sender = mode.sender(port)
  return { sender, connection: client.connection(sender, events, host) }
}
