import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { listenOnLoopback, stopListening } from './loopback.ts'
import { MessageLog } from './message-log.ts'
import { servePage } from './page-host.ts'
import type {
  FixedAnswer,
  ReceivedMessage,
  ReferenceServerOptions,
  ReferenceTransport,
  RequestRecord,
} from './reference-options.ts'
import { type Feed, feedEventStream, feedPoll, feedWebSocket, readCursor } from './reference-transports.ts'

export type {
  FixedAnswer,
  ReceivedMessage,
  ReferenceServerOptions,
  ReferenceTransport,
  RequestRecord,
} from './reference-options.ts'

export interface ReferenceServer extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly origin: string
  /** The one URL of all transports, `http://127.0.0.1:port/events`. */
  readonly url: string
  /** Every request, oldest first. */
  readonly requests: readonly RequestRecord[]
  /** Every message that a client sent, oldest first. */
  readonly received: readonly ReceivedMessage[]
  /** Appends to the log; returns the message's id, which is the cursor after it. */
  publish(data: string | Buffer, options?: { readonly name?: string }): number
  /** How many clients are attached now: open sockets, open streams, held requests. */
  connections(transport?: ReferenceTransport): number
  /** Gives these transports this answer from now on; `null` restores the service. */
  answer(transports: ReferenceTransport | readonly ReferenceTransport[], answer: FixedAnswer | null): void
  /** Closes every new WebSocket with this code as soon as it is open; `null`: no longer. */
  closeOnOpen(code: number | null, reason?: string): void
  /** Disconnects all clients: WebSockets by this code (default 1001), streams by EOF, held requests by their answer. */
  hangUp(options?: { readonly transport?: ReferenceTransport; readonly code?: number; readonly reason?: string }): void
  /** Stops listening and drops all sockets, by RST or after a goodbye (1001, EOF, 204). The log is kept. */
  stop(how?: 'reset' | 'goodbye'): Promise<void>
  /** Listens again on the same port. */
  start(): Promise<void>
  /** `stop(how)`, a pause, `start()`. */
  restart(options?: { readonly how?: 'reset' | 'goodbye'; readonly downMs?: number }): Promise<void>
  /** Destroys everything. */
  close(): Promise<void>
}

interface Attachment {
  readonly transport: ReferenceTransport
  readonly hangUp: (code: number, reason: string) => void
}

/**
 * The reference server: one log, one integer cursor, every transport at one URL. It loses and repeats no message, so a message
 * that is lost or repeated in a test with it is the client's fault.
 */
export async function startReferenceServer(options: ReferenceServerOptions = {}): Promise<ReferenceServer> {
  const { path = '/events', token, cors = 'none', holdMs = 25_000 } = options
  const log = new MessageLog()
  const requests: RequestRecord[] = []
  const received: ReceivedMessage[] = []
  const sockets = new Set<Socket>()
  const attachments = new Set<Attachment>()
  const fixedAnswers = new Map<ReferenceTransport, FixedAnswer>()
  let closing: { readonly code: number; readonly reason: string } | undefined

  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const http = createServer((request, response) => void handle(request, response))
  http.on('upgrade', handleUpgrade)
  http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const port = await listenOnLoopback(http)
  const origin = `http://127.0.0.1:${port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin)
    if (options.page !== undefined && servePage(options.page, request, response)) return
    const transport = transportOf(request, url)
    record(transport, request)
    allowOrigin(request, response)
    if (transport === 'preflight') {
      response.writeHead(cors === 'none' ? 405 : 204).end()
      return
    }
    const instead = insteadOfService(transport, request, url)
    if (instead !== undefined) {
      response.writeHead(instead.status, headersOf(instead)).end(instead.body)
      return
    }
    if (transport === 'post') await receivePost(request, response)
    else if (transport === 'sse') attach(transport, response, feedEventStream(feed(request, url), response))
    else attach(transport, response, feedPoll(feed(request, url), response, transport === 'poll' ? 0 : holdMs))
  }

  function handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const url = new URL(request.url ?? '/', origin)
    record('websocket', request)
    socket.on('error', () => {}) // 'close' follows
    const instead = insteadOfService('websocket', request, url)
    if (instead !== undefined) {
      socket.end(rawAnswer(instead))
      return
    }
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      attach('websocket', webSocket, (code, reason) => webSocket.close(code, reason))
      webSocket.on('error', () => {})
      webSocket.on('message', (data: Buffer, isBinary) => receive('websocket', isBinary ? data : data.toString()))
      if (closing !== undefined) webSocket.close(closing.code, closing.reason)
      else feedWebSocket(feed(request, url), webSocket)
    })
  }

  function transportOf(request: IncomingMessage, url: URL): ReferenceTransport | 'preflight' {
    if (request.method === 'OPTIONS') return 'preflight'
    if (request.method === 'POST') return 'post'
    if (request.headers.accept?.includes('text/event-stream')) return 'sse'
    return holdMs === 0 || url.searchParams.get('mode') === 'poll' ? 'poll' : 'long-poll'
  }

  function record(transport: RequestRecord['transport'], { method = '', url = '', headers }: IncomingMessage): void {
    requests.push({ transport, method, url, headers, at: performance.now() })
  }

  function allowOrigin({ headers }: IncomingMessage, response: ServerResponse): void {
    if (cors === 'none' || headers.origin === undefined) return
    response.setHeader('Access-Control-Allow-Origin', headers.origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type')
    if (cors === 'exposed') response.setHeader('Access-Control-Expose-Headers', 'Last-Modified, ETag, X-Cursor, Retry-After')
  }

  function insteadOfService(transport: ReferenceTransport, request: IncomingMessage, url: URL): FixedAnswer | undefined {
    const fixed = fixedAnswers.get(transport)
    if (fixed?.times !== undefined) {
      if (fixed.times > 1) fixedAnswers.set(transport, { ...fixed, times: fixed.times - 1 })
      else fixedAnswers.delete(transport)
    }
    if (fixed !== undefined) return fixed
    if (url.pathname !== path) return { status: 404 }
    const given = [url.searchParams.get('token'), request.headers.authorization?.replace(/^Bearer /, '')]
    return token === undefined || given.includes(token) ? undefined : { status: 401 }
  }

  function feed(request: IncomingMessage, url: URL): Feed {
    const asked = readCursor(url.searchParams.get('last_event_id')) ?? readCursor(request.headers['last-event-id']?.toString())
    return { log, options, cursor: asked ?? (options.from === 'oldest' ? 0 : log.cursor) }
  }

  function attach(transport: ReferenceTransport, on: ServerResponse | WebSocket, hangUp: Attachment['hangUp']): void {
    const attachment = { transport, hangUp }
    attachments.add(attachment)
    on.once('close', () => attachments.delete(attachment))
  }

  async function receivePost(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request).catch(() => undefined)
    if (body === undefined) return // the client aborted the request
    const isBinary = request.headers['content-type'] === 'application/octet-stream'
    receive('post', isBinary ? body : body.toString())
    response.writeHead(201).end()
  }

  function receive(via: ReceivedMessage['via'], data: string | Buffer): void {
    received.push({ via, data, at: performance.now() })
    if (options.echo ?? true) log.append(data)
  }

  const server: ReferenceServer = {
    port,
    origin,
    url: `${origin}${path}`,
    requests,
    received,
    publish: (data, { name } = {}) => log.append(data, name).id,
    connections: (transport) => [...attachments].filter((one) => transport === undefined || one.transport === transport).length,
    answer(transports, answer) {
      for (const transport of [transports].flat() as ReferenceTransport[]) {
        if (answer === null) fixedAnswers.delete(transport)
        else fixedAnswers.set(transport, answer)
      }
    },
    closeOnOpen(code, reason = '') {
      closing = code === null ? undefined : { code, reason }
    },
    hangUp({ transport, code = 1001, reason = 'bye' } = {}) {
      for (const one of [...attachments]) if (transport === undefined || one.transport === transport) one.hangUp(code, reason)
    },
    async stop(how = 'reset') {
      await stopListening(http)
      if (how === 'goodbye') {
        server.hangUp()
        await sleep(100) // long enough for the goodbyes on loopback
      }
      for (const socket of sockets) how === 'reset' ? socket.resetAndDestroy() : socket.destroy()
    },
    async start() {
      await listenOnLoopback(http, port)
    },
    async restart({ how = 'reset', downMs = 0 } = {}) {
      await server.stop(how)
      await sleep(downMs)
      await server.start()
    },
    async close() {
      await server.stop()
      upgrades.close()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
  return server
}

function headersOf({ headers, body, retryAfter }: FixedAnswer): Record<string, string> {
  return {
    ...(body === undefined ? {} : { 'Content-Type': 'text/html' }),
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    ...headers,
  }
}

/** An answer to an upgrade, for which Node has no response object. */
function rawAnswer(answer: FixedAnswer): string {
  const { status, body = '' } = answer
  const headers = { ...headersOf(answer), 'Content-Length': Buffer.byteLength(body), Connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`
}
