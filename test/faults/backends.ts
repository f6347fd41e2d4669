import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { RealtimeServer } from '../../src/server/index.ts'
import { type Backend, type Deployment, deployments, type FaultTransport, type Mode } from './fault.ts'
import { listen } from './front.ts'
import { serveOwnPage } from './pages.ts'

export type StartedBackend = Backend & AsyncDisposable

/** The longest silence of an attachment of a session. */
const heartbeatMs = 2000
const eventEveryMs = 500
const pollHeldMs = 300
const news = 'there is news'

const plainPaths: Readonly<Record<FaultTransport, string>> = { websocket: '/socket', sse: '/events', 'long-poll': '/news' }

export interface BackendOptions {
  readonly mode: Mode
  readonly deployment: Deployment
  /** The origins of the pages. */
  readonly origins: readonly string[]
  /** The built script file, for pages of the endpoint's own origin. */
  readonly script: string
}

/** The server behind all fronts of a deployment, in one mode. */
export function startBackend(options: BackendOptions): Promise<StartedBackend> {
  return options.mode === 'plain' ? startPlain(options) : startSession(options)
}

/** An ordinary server, without steadfast. */
async function startPlain({ deployment, script }: BackendOptions): Promise<StartedBackend> {
  const { hasCors, isSameOrigin } = deployments[deployment]
  const http = createServer((request, response) => {
    if (isSameOrigin && serveOwnPage(script, request, response)) return
    if (hasCors) allow(request, response)
    const path = request.url?.split('?')[0]
    if (request.method === 'OPTIONS') response.writeHead(204).end()
    else if (path === plainPaths.sse) streamEvents(response)
    else if (path === plainPaths['long-poll']) setTimeout(() => tellNews(response), pollHeldMs)
    else if (path === plainPaths.websocket) response.writeHead(426, { 'Content-Type': 'text/plain' }).end('Upgrade Required')
    else response.writeHead(404).end()
  })
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data) => socket.send(String(data) === 'ping' ? 'pong' : data))
  })
  return started(http, (transport) => plainPaths[transport])
}

/** CORS headers that allow every origin. */
function allow({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', headers.origin ?? '*')
  response.setHeader('Access-Control-Allow-Credentials', 'true')
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST')
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type')
  response.setHeader('Timing-Allow-Origin', '*')
}

function streamEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  response.write(':ok\n\n')
  const timer = setInterval(() => response.write('data: tick\n\n'), eventEveryMs)
  response.on('close', () => clearInterval(timer))
}

function tellNews(response: ServerResponse): void {
  if (response.destroyed) return
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store', 'Content-Length': news.length }).end(news)
}

async function startSession({ deployment, origins, script }: BackendOptions): Promise<StartedBackend> {
  const { isSameOrigin } = deployments[deployment]
  const http = createServer((request, response) => {
    if (!isSameOrigin || !serveOwnPage(script, request, response)) response.writeHead(404).end()
  })
  const realtime = new RealtimeServer({ origins, heartbeatMs, onError: () => {} })
  realtime.attach(http)
  const backend = await started(http, () => '/realtime')
  return {
    ...backend,
    async [Symbol.asyncDispose]() {
      await realtime.close({ drainMs: 0 })
      await backend[Symbol.asyncDispose]()
    },
  }
}

async function started(http: Server, pathOf: Backend['pathOf']): Promise<StartedBackend> {
  const listening = await listen(http, '127.0.0.1')
  return { port: listening.port, pathOf, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() }
}
