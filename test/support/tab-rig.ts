import type { Host, PageSignal, TabStorage } from '../../src/api/host.ts'
import type { RealtimeOptions } from '../../src/index.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { localTabs } from './local-tabs.ts'
import { mortalTab } from './mortal-tab.ts'
import { RealtimeServers } from './realtime-servers.ts'
import { type WatchedClient, watchClient } from './watched-client.ts'

interface TabOptions extends RealtimeOptions {
  readonly isAwaited?: boolean
  /** The storage of the tab. */
  readonly tab?: TabStorage
}

/** A real server, and tabs of one browser, which the test hides, freezes and kills. */
export async function startTabRig(options: RealtimeServerOptions = {}, tabs = localTabs()) {
  const servers = await RealtimeServers.start({ options })
  const storage = new Map<string, string>()
  const watched: WatchedClient[] = []
  const [server] = servers.servers
  if (!server) throw new RangeError('There is no server.')
  return {
    servers,
    server,
    /** Opens a tab, and by default waits until it is connected. */
    async open({ isAwaited = true, tab: stored, ...more }: TabOptions = {}) {
      const listeners = new Set<Parameters<Host['listen']>[0]>()
      const listen: Host['listen'] = (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      }
      const recall: Host['recall'] = (name) => storage.get(name) ?? null
      const remember: Host['remember'] = (name, value) => void (value === null ? storage.delete(name) : storage.set(name, value))
      const { host, ...life } = mortalTab(tabs)
      const tab = watchClient(servers.urls[0] ?? '', {
        protocol: session(),
        connection: shared({ key: 'somebody' }),
        transports: ['websocket'],
        ...more,
        host: { tabs: host, listen, recall, remember, ...(stored && { tab: stored }) },
      })
      watched.push(tab)
      tab.client.connect()
      if (isAwaited) await tab.nth('open')
      const signal = (given: PageSignal) => {
        for (const each of [...listeners]) each(given)
      }
      return Object.assign(tab, life, {
        leave() {
          signal({ type: 'leaving' })
          signal({ type: 'pagehide' })
        },
        comeBack: () => signal({ type: 'pageshow', persisted: true }),
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(watched.map((each) => each[Symbol.asyncDispose]()))
      await servers[Symbol.asyncDispose]()
    },
  }
}

export type RigTab = Awaited<ReturnType<Awaited<ReturnType<typeof startTabRig>>['open']>>
