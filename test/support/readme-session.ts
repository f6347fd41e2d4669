import http, { type RequestListener, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { fastify } from 'fastify'
import { vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { json } from '../../src/index.ts'
import { memoryStore, prometheusText, RealtimeServer, type RealtimeServerOptions, RequestError } from '../../src/server/index.ts'
import type { Snippet } from './readme.ts'
import { runSnippet } from './readme-run.ts'

interface Listening {
  listen(...parameters: unknown[]): Server
}

// These packages have no types, and the snippets that use them are not compiled.
const require = createRequire(import.meta.url)
const express = require('express') as () => Listening

/** The HTTP servers that a snippet of the section on sessions has started, on free ports, with their `RealtimeServer`s. */
export interface SessionServers extends AsyncDisposable {
  /** The exports of the snippet. */
  readonly exported: Readonly<Record<string, unknown>>
  readonly origins: readonly string[]
  readonly realtimes: readonly RealtimeServer[]
  /** Errors thrown by handlers. */
  readonly errors: readonly unknown[]
  /** Destroys every connection; the servers keep running. */
  cut(): void
  /** Ends one of them as if its process had been killed. */
  kill(index: number): void
}

export async function startSessionServers(
  snippet: Snippet,
  scope: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Promise<SessionServers> {
  const servers: Server[] = []
  const sockets: Set<Socket>[] = []
  const realtimes: RealtimeServer[] = []
  const errors: unknown[] = []
  const closers: (() => unknown)[] = []

  const watch = (server: Server): Server => {
    const open = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    servers.push(server)
    sockets.push(open)
    return server
  }
  class WatchedServer extends RealtimeServer {
    constructor(options: RealtimeServerOptions) {
      super({ ...options, onError: (error) => errors.push(error) })
      realtimes.push(this)
    }
  }
  // Replaces the port and address of the snippet.
  const here = { host: '127.0.0.1', port: 0 }
  const modules = {
    'node:http': {
      createServer(listener?: RequestListener) {
        const server = watch(http.createServer(listener))
        const listen = server.listen.bind(server)
        return Object.assign(server, { listen: () => listen(here) })
      },
    },
    steadfast: { json },
    ...more,
    'steadfast/gateway': { gateway },
    'steadfast/server': { memoryStore, prometheusText, RealtimeServer: WatchedServer, RequestError },
    'express-session': { __esModule: true, default: require('express-session') },
    express: {
      __esModule: true,
      default: Object.assign(() => {
        const app = express()
        const listen = app.listen.bind(app)
        return Object.assign(app, { listen: () => watch(listen(here.port, here.host)) })
      }, express),
    },
    fastify: {
      fastify() {
        const app = fastify()
        watch(app.server)
        closers.push(() => app.close())
        const listen = app.listen.bind(app)
        return Object.assign(app, { listen: () => listen(here) })
      },
    },
  }
  const exported = await runSnippet(snippet, modules, scope)
  await vi.waitFor(() => {
    if (!servers.length || !servers.every(({ listening }) => listening)) throw new Error('not listening yet')
  })
  const cut = (index: number) => {
    for (const socket of sockets[index] ?? []) socket.resetAndDestroy()
  }
  return {
    exported,
    origins: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    realtimes,
    errors,
    cut: () => servers.forEach((_, index) => void cut(index)),
    kill(index) {
      servers[index]?.close()
      cut(index)
    },
    async [Symbol.asyncDispose]() {
      for (const realtime of realtimes) await realtime.close({ drainMs: 0 })
      for (const server of servers) server.close()
      servers.forEach((_, index) => void cut(index))
      for (const close of closers) await close()
    },
  }
}
