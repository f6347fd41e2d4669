import { WebSocket } from 'ws'
import type { Host } from '../../src/index.ts'
import { nodeHost } from './watched-client.ts'

const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36'

/**
 * What a client of a page at this origin sends along: `Origin` always, and `Sec-Fetch-Site` with fetches, as browsers do for
 * https and for this machine. Chromium sends none with a WebSocket. Firewalls mistrust whoever names no browser.
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
