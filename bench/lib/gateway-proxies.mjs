/**
 * A program: a proxy between clients and a backend. The first argument is its kind: `steadfast`, the gateway, or `ws`, which
 * opens a WebSocket for each WebSocket and does nothing else. The second argument is the URL of the backend.
 */
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'

const [kind = '', target = ''] = process.argv.slice(2)
const server = createServer()
const noLimit = 1e9

if (kind === 'steadfast') {
  /** @type {typeof import('../../dist/server.js')} */
  const { RealtimeServer } = await import(built('server.js'))
  /** @type {typeof import('../../dist/gateway.js')} */
  const { gateway } = await import(built('gateway.js'))
  new RealtimeServer(gateway({ target, limits: { attachmentsPerSecond: noLimit, maxSessions: noLimit } })).attach(server)
} else {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (page) => {
    const backend = new WebSocket(target, { perMessageDeflate: false })
    /** @type {(readonly [import('ws').RawData, boolean])[]} */
    const early = []
    page.on('error', () => {})
    backend.on('error', () => {})
    page.on('message', (data, binary) => {
      if (backend.readyState === WebSocket.OPEN) backend.send(data, { binary })
      else early.push([data, binary])
    })
    backend.on('open', () => {
      for (const [data, binary] of early.splice(0)) backend.send(data, { binary })
    })
    backend.on('message', (data, binary) => page.send(data, { binary }))
    page.on('close', () => backend.close())
    backend.on('close', () => page.close())
  })
}
await answerParent(server)
