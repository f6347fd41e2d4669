import { WebSocket } from 'ws'
import type { Host } from '../../src/index.ts'
import { nodeHost } from './watched-client.ts'

const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36'

/**
 * A host that sends the headers of a page at this origin: `Origin` always, and `Sec-Fetch-Site` with fetches, as browsers do
 * for https and localhost. Chromium sends no `Sec-Fetch-Site` with a WebSocket. Firewalls expect the `User-Agent` of a browser.
 */
export function pageAt(origin: string): Partial<Host> {
  class PageWebSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols ?? [], { origin, headers: { 'User-Agent': userAgent } })
    }
  }
  return {
    ...nodeHost,
    WebSocket: PageWebSocket as unknown as NonNullable<Host['WebSocket']>,
    fetch(url, init) {
      const headers = new Headers(init?.headers)
      headers.set('Origin', origin)
      headers.set('User-Agent', userAgent)
      headers.set('Sec-Fetch-Site', 'same-origin')
      return fetch(url, { ...init, headers })
    },
  }
}
