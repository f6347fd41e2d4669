import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { Server as HocuspocusServer } from '@hocuspocus/server'
import { describe, expect, it, vi } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { gateway } from '../../src/gateway/index.ts'
import type { SessionOffer } from '../../src/server/session-offer.ts'
import type { WebSocketClass } from '../../src/socket/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import type { TransportName } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'
import { nodeHost } from '../support/watched-client.ts'
import { startYServer } from '../support/y-server.ts'

/** Editors on one document, through a gateway to their own server: the client libraries are unmodified. */
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const soon = { timeout: 10_000, interval: 20 }

/** The WebSocket class that a page gives to its client library. */
function pageClass(url: string, type: TransportName): WebSocketClass {
  const Socket = webSocketOver({ host: nodeHost, transports: [type === 'poll' ? { type, intervalMs: 100 } : type] })
  return class extends Socket {
    constructor(given: string | URL, protocols?: string | string[]) {
      // The client adds the room to the path, and the gateway has one path.
      super(`${url}?room=${new URL(given).pathname.slice(1)}`, protocols)
    }
  }
}

/** Both editors write concurrently while all connections are cut once: in the end both have the same text and every insert. */
async function converge(one: Y.Doc, other: Y.Doc, cut: () => void): Promise<void> {
  const texts = () => [one, other].map((document) => document.getText('t').toString())
  for (let index = 0; index < 30; index += 1) {
    one.getText('t').insert(0, `a${index} `)
    other.getText('t').insert(other.getText('t').length, `b${index} `)
    if (index === 15) cut()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await vi.waitFor(() => {
    const [mine, theirs] = texts()
    expect(mine).toBe(theirs)
    for (let index = 0; index < 30; index += 1) expect(mine).toContain(`a${index} `)
    for (let index = 0; index < 30; index += 1) expect(mine).toContain(`b${index} `)
  }, soon)
}

describe.each(transports)('over %s', (type) => {
  it('two hocuspocus editors converge despite a cut of all connections', async () => {
    const server = HocuspocusServer.configure({ port: 0, address: '127.0.0.1', quiet: true })
    await server.listen()
    await using sockets = await startSockets(gateway({ target: `ws://127.0.0.1:${server.address.port}` }))
    const sides = [new Y.Doc(), new Y.Doc()].map((document) => {
      const websocketProvider = new HocuspocusProviderWebsocket({
        url: 'ws://page.example/document',
        WebSocketPolyfill: pageClass(sockets.rig.url, type),
      })
      return { document, websocketProvider, provider: new HocuspocusProvider({ websocketProvider, name: 'document', document }) }
    })
    const [one, other] = sides
    if (!one || !other) throw new Error('There are two of them.')
    await vi.waitFor(() => expect(sides.map(({ provider }) => provider.isSynced)).toEqual([true, true]), soon)
    await converge(one.document, other.document, () => sockets.rig.proxy.killAll())
    for (const { provider, websocketProvider } of sides) {
      provider.destroy()
      websocketProvider.destroy()
    }
    await server.destroy()
  })

  it('two y-websocket editors converge despite a cut of all connections, and share awareness', async () => {
    await using server = await startYServer()
    const target = ({ request }: SessionOffer) => {
      const room = new URL(request.url ?? '/', 'http://gateway').searchParams.get('room')
      return room === null ? null : `${server.url}/${room}`
    }
    await using sockets = await startSockets(gateway({ target, allowedTargets: [server.url] }))
    const sides = [new Y.Doc(), new Y.Doc()].map((document) => {
      const WebSocketPolyfill = pageClass(sockets.rig.url, type)
      const provider = new WebsocketProvider('ws://page.example', 'notes', document, { WebSocketPolyfill, disableBc: true })
      return { document, provider }
    })
    const [one, other] = sides
    if (!one || !other) throw new Error('There are two of them.')
    await vi.waitFor(() => expect(sides.map(({ provider }) => provider.synced)).toEqual([true, true]), soon)
    one.provider.awareness.setLocalStateField('user', 'ada')
    await vi.waitFor(() => expect([...other.provider.awareness.getStates().values()]).toContainEqual({ user: 'ada' }), soon)
    await converge(one.document, other.document, () => sockets.rig.proxy.killAll())
    expect(server.rooms()).toEqual(['notes'])
    for (const { provider } of sides) provider.destroy()
  })
})
