import { afterEach, expect, it, vi } from 'vitest'
import { browserTabs } from '../../src/host/browser-tabs.ts'
import type { RealtimeOptions } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { tabsVersion } from '../../src/shared/messages.ts'
import { localTabs } from '../support/local-tabs.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/** What a page in a secure context has. */
const page = {
  navigator: { locks: { request: async () => {}, query: async () => ({ held: [] }) } },
  BroadcastChannel: class {
    close() {}
  },
  isSecureContext: true,
  origin: 'https://example.com',
}

function stub(globals: object): void {
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
}

/** As in Firefox where the user has blocked all cookies. */
class RefusedChannel {
  constructor() {
    throw new DOMException('The operation is insecure.', 'SecurityError')
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Expects that each of two pages has a connection and a session of its own; `more` continues with the first. */
async function expectOwnSessions(
  globals: object,
  options: RealtimeOptions,
  more: (first: WatchedClient) => Promise<void> = async () => {},
): Promise<void> {
  const sessions: string[] = []
  await using servers = await RealtimeServers.start({ options: { onSession: ({ id }) => void sessions.push(id) } })
  stub(globals)
  const open = () =>
    watchClient(servers.urls[0] ?? '', {
      protocol: session(),
      connection: shared({ key: 'somebody' }),
      transports: ['websocket'],
      ...options,
    })
  await using first = open()
  await using second = open()
  for (const { client } of [first, second]) client.connect()
  for (const each of [first, second]) await each.nth('open')
  expect(new Set(sessions).size).toBe(2)
  const handle = await servers.servers[0]?.session(sessions[0] ?? '')
  await handle?.send('to one')
  await vi.waitFor(() => expect([...first.data, ...second.data]).toEqual(['to one']), 5000)
  await more(first)
}

it('a page with Web Locks and BroadcastChannel shares its connection', () => {
  stub(page)
  expect(browserTabs()).not.toBeNull()
})

it.each([
  ['Web Locks', { ...page, navigator: {} }],
  ['BroadcastChannel', { ...page, BroadcastChannel: undefined }],
  ['the permission to use a BroadcastChannel', { ...page, BroadcastChannel: RefusedChannel }],
  ['a secure context', { ...page, isSecureContext: false }],
  ['an origin', { ...page, origin: 'null' }],
])('without %s each page has a connection and a session of its own', async (_, globals) => {
  const lines: string[] = []
  await expectOwnSessions(globals, { debug: (line: string) => void lines.push(line) })
  expect(lines.filter((line) => line.includes('a connection of its own'))).toHaveLength(2)
})

it('a lock that is granted late, since the thread of the page was busy, is a lock', async () => {
  vi.useFakeTimers()
  try {
    const grants: (() => unknown)[] = []
    const query = vi.fn(async () => ({ held: [{ name: 'of another tab' }] }))
    const request = async (_name: string, _options: object, onGranted: () => unknown) => {
      grants.push(onGranted)
    }
    stub({ ...page, navigator: { locks: { request, query } } })
    const tabs = browserTabs()
    const granted = vi.fn()
    const release = tabs?.lock('a', false, { granted, lost() {} })
    vi.advanceTimersByTime(2500)
    expect(grants.map((grant) => grant())).toHaveLength(1)
    vi.advanceTimersByTime(10_000)
    expect(granted).toHaveBeenCalledOnce()
    expect(await tabs?.held()).toEqual(['of another tab'])
    release?.()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

const never = new Promise<never>(() => {})
const refused = () => Promise.reject(new DOMException('The request was denied.', 'SecurityError'))

it.each([
  ['refuses locks, as where storage is blocked', { request: refused, query: refused }],
  ['grants no lock', { request: () => never, query: () => never }],
])('where the browser %s, each page has a connection and a session of its own', async (_, locks) => {
  await expectOwnSessions({ ...page, BroadcastChannel, navigator: { locks } }, {}, async (first) => {
    expect(await first.client.close()).toEqual({ unsent: [], unconfirmed: [] })
    first.client.connect()
    await first.nth('open', 2)
  })
})

it('the name of the channel and the lock has the version of the messages between tabs', async () => {
  await using servers = await RealtimeServers.start()
  const tabs = localTabs()
  const names: string[] = []
  const channel: typeof tabs.channel = (name, heard) => {
    names.push(name)
    return tabs.channel(name, heard)
  }
  await using tab = watchClient(servers.urls[0] ?? '', {
    protocol: session(),
    connection: shared({ key: 'somebody' }),
    transports: ['websocket'],
    host: { tabs: { ...tabs, channel } },
  })
  tab.client.connect()
  await tab.nth('open')
  const { origin, pathname } = new URL(servers.urls[0] ?? '')
  expect(names).toEqual([`steadfast ${tabsVersion} somebody ${origin}${pathname} true`])
  expect((await tabs.held()).every((name) => name.startsWith(names[0] ?? ''))).toBe(true)
})
