/** The servers of the clients. Each greets every connection with a message at once. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Server as SocketIoServer } from 'socket.io'
import sockjs from 'sockjs'
import { WebSocketServer } from 'ws'
import { built } from './build.mjs'

const tickMs = 200

const files = {
  '/clients.js': '../page/clients.js',
  '/steadfast.js': built('steadfast.session.min.js'),
  '/socket.io.js': '../node_modules/socket.io-client/dist/socket.io.min.js',
  '/sockjs.js': '../node_modules/sockjs-client/dist/sockjs.min.js',
  '/partysocket.js': '../node_modules/partysocket/dist/ws.js',
  '/reconnecting-websocket.js': '../node_modules/reconnecting-websocket/dist/reconnecting-websocket-iife.min.js',
  '/phoenix.js': '../node_modules/phoenix/priv/static/phoenix.min.js',
}

/**
 * The page of one client, with only that client's script.
 * @param {string} kind
 */
function pageFor(kind) {
  const [name] = kind.split(',')
  const script = `/${name}.js`
  const load =
    name === 'partysocket'
      ? `<script type="module">import PartySocket from '${script}'; window.PartySocket = PartySocket</script>`
      : script in files
        ? `<script src="${script}"></script>`
        : ''
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>${kind}</title>${load}<script src="/clients.js"></script>`
}

/** @type {import('node:http').RequestListener} */
async function servePages(request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/page') {
    if (searchParams.has('isolated')) {
      // Only isolated pages have a clock that is fine enough for a single message.
      response.setHeader('cross-origin-opener-policy', 'same-origin')
      response.setHeader('cross-origin-embedder-policy', 'require-corp')
    }
    response.setHeader('content-type', 'text/html').end(pageFor(searchParams.get('client') ?? ''))
    return
  }
  const file = files[/** @type {keyof files} */ (pathname)]
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  response.setHeader('content-type', 'text/javascript').end(await readFile(new URL(file, import.meta.url)))
}

/**
 * @param {import('node:http').Server} server
 * @returns {Promise<{ port: number, origin: string, close: () => Promise<void> }>}
 */
export async function listen(server) {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/**
 * Sends a message at once and one every `tickMs`, until the connection closes.
 * @param {import('node:stream').EventEmitter} connection
 * @param {(text: string) => void} send
 */
function feed(connection, send) {
  send('welcome')
  const timer = setInterval(() => send('tick'), tickMs)
  connection.on('close', () => clearInterval(timer))
}

/**
 * A feed over WebSocket and SSE at one path, `/feed`, and the pages. It uses no protocol of its own.
 * @param {{ isQuiet?: boolean }} [options] `isQuiet`: nothing is sent over a WebSocket
 */
export function startFeed({ isQuiet = false } = {}) {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/feed') && request.headers.accept === 'text/event-stream') {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      })
      feed(response, (text) => response.write(`data: ${text}\n\n`))
    } else if (request.url?.startsWith('/feed') || request.url?.startsWith('/phoenix/')) {
      response.writeHead(404, { 'access-control-allow-origin': '*' }).end()
    } else servePages(request, response)
  })
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false })
  webSockets.on('connection', (socket) => {
    socket.on('error', () => {})
    if (!isQuiet) feed(socket, (text) => socket.send(text))
  })
  return listen(server)
}

/**
 * Sessions, at `/feed` as well, for pages of these origins.
 * @param {readonly string[]} origins
 * @param {{ isQuiet?: boolean }} [options] `isQuiet`: nothing is sent
 */
export async function startSessions(origins, { isQuiet = false } = {}) {
  /** @type {typeof import('../../dist/server.js')} */
  const { RealtimeServer } = await import(built('server.js'))
  const realtime = new RealtimeServer({
    path: '/feed',
    origins,
    onSession: (session) => void (isQuiet || session.send('welcome')),
  })
  const server = createServer()
  realtime.attach(server)
  return listen(server)
}

export function startSocketIo() {
  const server = createServer()
  const io = new SocketIoServer(server, { cors: { origin: '*' } })
  io.on('connection', (socket) => socket.emit('message', 'welcome'))
  return listen(server)
}

export function startSockJs() {
  const server = createServer()
  const sockets = sockjs.createServer({ prefix: '/sockjs', log: () => {} })
  sockets.on('connection', (/** @type {import('node:stream').Duplex} */ connection) => connection.write('welcome'))
  sockets.installHandlers(server)
  return listen(server)
}

/** All servers that the clients need, and the server of each client. */
export async function startServers() {
  const feedServer = await startFeed()
  const socketIo = await startSocketIo()
  const sockJs = await startSockJs()
  const sessions = await startSessions([feedServer.origin])
  /** @param {string} kind */
  const serverFor = (kind) => {
    if (kind.startsWith('steadfast, session')) return sessions
    return kind.startsWith('socket.io') ? socketIo : kind === 'sockjs' ? sockJs : feedServer
  }
  return {
    feed: feedServer,
    /** @param {string} kind @returns {number} */
    portFor: (kind) => serverFor(kind).port,
    async close() {
      await Promise.all([feedServer.close(), sessions.close(), socketIo.close(), sockJs.close()])
    },
  }
}
