import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gateway } from '../../dist/gateway.js'
import { RealtimeServer } from '../../dist/server.js'

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.map': 'application/json' }
/** The folders from which paths are served. */
const folders = [
  ['/dist/', new URL('../../dist/', import.meta.url)],
  ['/stompjs/', new URL('../../node_modules/@stomp/stompjs/esm6/', import.meta.url)],
  ['/', new URL('public/', import.meta.url)],
]

/**
 * The page of the chat and the gateway in front of Spring, at one port. `POST /websocket?allowed=false` blocks WebSocket, as
 * some networks do; `POST /cut` cuts all connections.
 */
export async function startChat({ target, port }) {
  const realtime = new RealtimeServer(gateway({ target }))
  const sockets = new Set()
  let isWebSocketAllowed = true
  const server = createServer((request, response) => {
    const [pathname = '', query] = (request.url ?? '/').split('?')
    if (pathname === '/realtime') realtime.handleRequest(request, response)
    else if (request.method === 'POST' && pathname === '/cut') {
      response.end()
      cut(request.socket)
    } else if (request.method === 'POST' && pathname === '/websocket') {
      isWebSocketAllowed = new URLSearchParams(query).get('allowed') !== 'false'
      response.end()
      if (!isWebSocketAllowed) cut(request.socket)
    } else serve(pathname, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    if (isWebSocketAllowed && request.url?.startsWith('/realtime')) realtime.handleUpgrade(request, socket, head)
    else socket.destroy()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async close() {
      await realtime.close({ drainMs: 500 })
      cut(null)
      server.close()
    },
  }

  function cut(but) {
    for (const socket of sockets) if (socket !== but) socket.resetAndDestroy()
  }
}

async function serve(path, response) {
  const [prefix, folder] = folders.find(([each]) => path.startsWith(each))
  const name = path === '/' ? 'index.html' : path.slice(prefix.length)
  const file = fileURLToPath(new URL(name, folder))
  try {
    // A path outside of the folder is not found.
    if (!file.startsWith(fileURLToPath(folder))) throw new Error('outside')
    const content = await readFile(file)
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' }).end(content)
  } catch {
    response.writeHead(404).end()
  }
}
