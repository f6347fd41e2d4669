import type { Host } from '../api/host.ts'
import { browserHost } from '../host/browser.ts'
import type { Door } from './contracts.ts'
import { fakeFetch } from './fake-http.ts'
import { fakeWebSocket } from './fake-web-socket.ts'

/** The base of relative URLs if there is no page. */
const baseUrl = 'https://app.test/'

/**
 * A page whose network is the door, and which does not depend on where the test runs: it is live, shares no memory with other
 * tests, and sees failures as Chromium does. Timers are the platform's, so that fake timers control them.
 */
export function fakeHost(door: Door, random = () => 0.5): Partial<Host> {
  const memory = new Map<string, string>()
  const ofTab = new Map<string, string>()
  return {
    WebSocket: fakeWebSocket(door),
    fetch: fakeFetch(door),
    random,
    isLive: true,
    baseUrl: browserHost.baseUrl ?? baseUrl,
    pageOrigin: undefined,
    engine: () => 'chromium',
    isOnline: () => true,
    isPrerendering: () => false,
    roundTripMs: () => undefined,
    recall: (key) => memory.get(key) ?? null,
    remember: (key, value) => void (value === null ? memory.delete(key) : memory.set(key, value)),
    claim: () => Promise.resolve(() => {}),
    tab: {
      read: (key) => ofTab.get(key) ?? null,
      write(key, value) {
        if (value === null) ofTab.delete(key)
        else ofTab.set(key, value)
        return true
      },
      lock: () => Promise.resolve(() => {}),
    },
  }
}
