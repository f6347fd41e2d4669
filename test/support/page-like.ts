import { WebSocket } from 'ws'
import type { Host } from '../../src/index.ts'
import { nodeHost } from './watched-client.ts'

/**
 * What a client of a page at this origin sends along: `Origin` always, and `Sec-Fetch-Site` with fetches, as browsers do for
 * https and for this machine. Chromium sends none with a WebSocket.
 */
export function pageAt(origin: string): Partial<Host> {
  class PageWebSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols ?? [], { origin })
    }
  }
  return {
    ...nodeHost,
    WebSocket: PageWebSocket as unknown as NonNullable<Host['WebSocket']>,
    fetch(url, init) {
      const headers = new Headers(init?.headers)
      headers.set('Origin', origin)
      headers.set('Sec-Fetch-Site', 'same-origin')
      return fetch(url, { ...init, headers })
    },
  }
}
