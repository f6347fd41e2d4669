import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import fastifyWebSocket from '@fastify/websocket'
import { createAdaptorServer } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Server as SocketIo } from 'socket.io'
import { WebSocket, WebSocketServer } from 'ws'
import { RealtimeServer } from '../../src/server/index.ts'
import { listenOnLoopback } from './loopback.ts'
import { isAnswered, isEchoed, type Moving } from './neighbour.ts'
import { nest } from './nest.ts'
import { randomSession, rawPost } from './raw-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

// These packages have no types.
const require = createRequire(import.meta.url)
const express: () => RequestListener & {
  get(path: string, handler: Handler): void
  use(handler: unknown): void
} = require('express')
const Koa: new () => { use(middleware: (context: { body: string }) => void): void; callback(): RequestListener } = require('koa')
const sockjs: {
  createServer(options: object): {
    on(type: 'connection', listener: (connection: SockJsConnection) => void): void
    installHandlers(http: Server, options: { prefix: string }): void
  }
} = require('sockjs')

interface SockJsConnection {
  on(type: 'data', listener: (data: string) => void): void
  write(data: string): void
}

function upperCase(socket: WebSocket): void {
  socket.on('error', () => {})
  socket.on('message', (data) => socket.send(String(data).toUpperCase()))
}

function webSocketServerAt(path?: string): Moving {
  return (http) => {
    const server = new WebSocketServer({ server: http, ...(path === undefined ? {} : { path }) }).on('connection', upperCase)
    return {
      check: (port) => isEchoed(port, path ?? '/any', 'ws', 'WS'),
      end: () => {
        for (const client of server.clients) client.terminate()
        server.close()
      },
    }
  }
}

export const neighbours: Readonly<Record<string, Moving>> = {
  'ws without a path': webSocketServerAt(),
  'ws with a path': webSocketServerAt('/chat'),

  'ws without a server'(http) {
    const server = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.url === '/chat') server.handleUpgrade(request, socket, head, upperCase)
      else socket.destroy()
    })
    return { check: (port) => isEchoed(port, '/chat', 'ws', 'WS') }
  },

  express(http) {
    const app = express()
    app.get('/', (_, response) => response.end('express'))
    http.on('request', app)
    return { check: (port) => isAnswered(port, '/', 'express') }
  },

  koa(http) {
    const app = new Koa()
    app.use((context) => {
      context.body = 'koa'
    })
    http.on('request', app.callback())
    return { check: (port) => isAnswered(port, '/any', 'koa') }
  },

  async '@fastify/websocket'(http) {
    const app = fastify({
      serverFactory(handler) {
        http.on('request', handler)
        return http
      },
    })
    await app.register(fastifyWebSocket)
    await app.register(async (routes) => {
      routes.get('/', () => 'fastify')
      routes.get('/chat', { websocket: true }, upperCase)
    })
    await app.ready()
    return {
      async check(port) {
        await isAnswered(port, '/', 'fastify')
        await isEchoed(port, '/chat', 'fastify', 'FASTIFY')
      },
    }
  },

  async '@hono/node-ws'(http) {
    const app = new Hono()
    const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app })
    app.get('/', (context) => context.text('hono'))
    app.get(
      '/chat',
      upgradeWebSocket(() => ({ onMessage: ({ data }, socket) => socket.send(String(data).toUpperCase()) })),
    )
    // The adaptor creates a server of its own with one listener, which this server uses for its requests.
    const [handle] = createAdaptorServer({ fetch: app.fetch }).listeners('request')
    if (handle) http.on('request', handle as RequestListener)
    injectWebSocket(http)
    return {
      async check(port) {
        await isAnswered(port, '/', 'hono')
        await isEchoed(port, '/chat', 'hono', 'HONO')
      },
    }
  },

  "Nest's WsAdapter": nest,

  'socket.io'(http) {
    const server = new SocketIo(http)
    return {
      async check(port) {
        await isAnswered(port, '/socket.io/?EIO=4&transport=polling', '0{"sid"')
        await isEchoed(port, '/socket.io/?EIO=4&transport=websocket', '2', '0{"sid"')
      },
      end: () => server.disconnectSockets(true),
    }
  },

  sockjs(http) {
    const server = sockjs.createServer({ log: () => {} })
    server.on('connection', (connection) => connection.on('data', (data) => connection.write(data.toUpperCase())))
    server.installHandlers(http, { prefix: '/sockjs' })
    return {
      async check(port) {
        await isAnswered(port, '/sockjs', 'Welcome to SockJS!')
        await isEchoed(port, '/sockjs/websocket', 'sockjs', 'SOCKJS')
      },
    }
  },

  async 'http-proxy-middleware'(http) {
    const behind = createServer((_, response) => response.end('behind'))
    new WebSocketServer({ server: behind }).on('connection', upperCase)
    const port = await listenOnLoopback(behind)
    const proxy = createProxyMiddleware({ target: `http://127.0.0.1:${port}`, pathFilter: '/behind', ws: true })
    const app = express()
    app.use(proxy)
    http.on('request', app)
    http.on('upgrade', proxy.upgrade)
    return {
      async check(port) {
        await isAnswered(port, '/behind', 'behind')
        await isEchoed(port, '/behind', 'proxy', 'PROXY')
      },
      end() {
        behind.close()
        behind.closeAllConnections()
      },
    }
  },

  'another RealtimeServer'(http) {
    const other = new RealtimeServer({ path: '/other', onMessage: (session, { data }) => session.send(data) })
    other.attach(http)
    return {
      async check(port) {
        const answer = await rawPost(`http://127.0.0.1:${port}/other`, { session: randomSession(), wait: 0 })
        if (!(await answer.text()).includes('data: o{')) throw new Error(`/other was answered ${answer.status}`)
        const hello = Buffer.from(JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1 })).toString('base64url')
        await new Promise<void>((resolve, reject) => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}/other`, ['steadfast.v1', `s.${hello}`])
          socket.on('message', () => {
            resolve()
            socket.close()
          })
          socket.on('error', reject)
        })
      },
      end: () => other.close({ drainMs: 0 }),
    }
  },
}
