import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import { createRequire } from 'node:module'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { gateway } from '../../src/gateway/index.ts'
import type { Message } from '../../src/server/handlers.ts'
import { RealtimeServer, RequestError } from '../../src/server/index.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { Meters } from './meters.ts'

/** The options of a server that can be sent over IPC. */
export interface ScenarioOptions
  extends Pick<RealtimeServerOptions, 'path' | 'origins' | 'limits' | 'heartbeatMs' | 'resumeWindowMs' | 'leaseMs'> {
  /** How long a handler takes for a message that does not begin with `echo`, in milliseconds. @defaultValue 0 */
  readonly handleMs?: number
  /** How long `onSession` takes, in milliseconds. @defaultValue 0 */
  readonly beginMs?: number
  /** A topic that every session is subscribed to. @defaultValue none */
  readonly topic?: string
  /** Authenticates clients: an `auth` that is a text is the principal's id, any other is refused. @defaultValue false */
  readonly isAuthenticating?: boolean
  /** How long `authenticate` takes, in milliseconds. @defaultValue 0 */
  readonly authenticateMs?: number
  /** The source of a module that creates a server of its own, for `script`. */
  readonly code?: string
  /** Options that this type does not know yet. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** The servers of a scenario; `server.ts` makes `http` listen. */
export interface Staged {
  readonly http: Server | Http2Server | NetServer
  /** `null` if the scenario has no RealtimeServer. */
  readonly realtime: RealtimeServer | null
}

export type Scenario = (options: ScenarioOptions, meters: Meters) => Staged | Promise<Staged>

function served(options: ScenarioOptions, meters: Meters): RealtimeServer {
  const { handleMs = 0, beginMs = 0, topic, isAuthenticating = false, authenticateMs = 0, more = {}, code: _, ...own } = options
  return new RealtimeServer({
    onError: (error) => meters.report(error),
    async onSession(session: Session) {
      meters.begun += 1
      if (topic !== undefined) await session.subscribe(topic)
      if (beginMs > 0) await sleep(beginMs, undefined, { ref: false })
    },
    async onMessage(session: Session, { data }: Message) {
      meters.handled += 1
      if (typeof data === 'string' && data.startsWith('echo')) await session.send(data)
      else if (handleMs > 0) await sleep(handleMs, undefined, { ref: false })
    },
    onEnd() {
      meters.over += 1
    },
    ...(topic !== undefined && {
      onRequest(_: Session, { data }: Message) {
        if (data === 'throw') throw new RequestError('refused', 'thrown by the handler')
        return data
      },
      onSubscribe: () => true,
      onPublish: () => true,
    }),
    ...(isAuthenticating && {
      async authenticate(_request: unknown, auth: unknown) {
        if (authenticateMs > 0) await sleep(authenticateMs)
        return typeof auth === 'string' && auth !== '' ? { id: auth } : null
      },
    }),
    ...own,
    ...more,
  })
}

function attached(http: Server, options: ScenarioOptions, meters: Meters): Staged {
  const realtime = served(options, meters)
  realtime.attach(http)
  return { http, realtime }
}

/** A `ws` of the application's own, which echoes in upper case. */
function neighbourOn(http: Server, path?: string): void {
  const neighbour = new WebSocketServer(path === undefined ? { server: http } : { server: http, path })
  neighbour.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data) => socket.send(String(data).toUpperCase()))
  })
}

interface Application extends RequestListener {
  get(path: string, handle: (request: IncomingMessage, response: ServerResponse) => void): this
  all(path: string, handle: (request: IncomingMessage, response: ServerResponse) => void): this
}

// Express comes without types.
const express: () => Application = createRequire(import.meta.url)('express')

const app = express().get('/', (_, response) => void response.end('the application'))

/** To add one: name it here, and start it by its name. */
export const scenarios = {
  /** `attach()` and nothing else. */
  plain: (options, meters) => attached(createServer(), options, meters),
  /** An application that answers all other requests. */
  app: (options, meters) => attached(createServer(app), options, meters),
  /** The application listens after `attach()`. */
  'app later': (options, meters) => {
    const staged = attached(createServer(), options, meters)
    staged.http.on('request', app)
    return staged
  },
  /** Another WebSocket server without a path, attached first. */
  'ws before': (options, meters) => {
    const http = createServer()
    neighbourOn(http)
    return attached(http, options, meters)
  },
  'ws after': (options, meters) => {
    const http = createServer()
    const staged = attached(http, options, meters)
    neighbourOn(http)
    return staged
  },
  /** Another WebSocket server with a path of its own, attached first. */
  'ws at /other before': (options, meters) => {
    const http = createServer()
    neighbourOn(http, '/other')
    return attached(http, options, meters)
  },
  'ws at /other after': (options, meters) => {
    const http = createServer()
    const staged = attached(http, options, meters)
    neighbourOn(http, '/other')
    return staged
  },
  /** Requests and upgrades are handed over by middleware. */
  middleware: (options, meters) => {
    const realtime = served(options, meters)
    const { path = '/realtime' } = options
    const handing = express().all(path, (request, response) => realtime.handleRequest(request, response))
    const http = createServer(handing)
    http.on('upgrade', (request, socket, head) => realtime.handleUpgrade(request, socket, head))
    return { http, realtime }
  },
  /** HTTP/2 without TLS, by Node's compatibility layer. */
  http2: (options, meters) => {
    const realtime = served(options, meters)
    // The request and the response of HTTP/2 behave like those of HTTP/1.1, but have other types.
    const http = createHttp2Server((request, response) => Reflect.apply(realtime.handleRequest, realtime, [request, response]))
    return { http, realtime }
  },
  /** A gateway to the backend that `more.target` names. */
  gateway: (options, meters) => {
    const { more = {}, limits = {}, heartbeatMs = 25_000, resumeWindowMs = 120_000 } = options
    const made = gateway({ target: '', ...more, limits, heartbeatMs, resumeWindowMs, onError: (error) => meters.report(error) })
    const realtime = new RealtimeServer({
      ...made,
      onSession(session) {
        meters.begun += 1
        return made.onSession?.(session)
      },
      onMessage(session, message) {
        meters.handled += 1
        return made.onMessage?.(session, message)
      },
      onEnd(session, ending) {
        meters.over += 1
        return made.onEnd?.(session, ending)
      },
    })
    const http = createServer()
    realtime.attach(http)
    return { http, realtime }
  },
  /** Two listeners hand the same upgrade over. */
  'handed over twice': (options, meters) => {
    const staged = attached(createServer(), options, meters)
    staged.http.on('upgrade', (request, socket, head) => staged.realtime?.handleUpgrade(request, socket, head))
    return staged
  },
  /** A server that a module creates and makes listen. */
  script: async ({ code = '' }) => {
    let http: NetServer | null = null
    const { listen } = NetServer.prototype
    NetServer.prototype.listen = function (this: NetServer): NetServer {
      http = this
      NetServer.prototype.listen = listen
      return Reflect.apply(listen, this, [0, '127.0.0.1'])
    }
    const file = new URL('./script.mjs', import.meta.url)
    await writeFile(file, code)
    await import(file.href)
    if (!http) throw new Error('The module listens with no server.')
    return { http, realtime: null }
  },
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios
