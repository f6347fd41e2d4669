import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { AccessControl } from './adapters/access-control.ts'
import { type AttachableServer, checkAttachable } from './adapters/attachable.ts'
import { AttemptLedger } from './adapters/attempt-ledger.ts'
import { HttpHandler } from './adapters/http.ts'
import { mount } from './adapters/mount.ts'
import { WebSocketHandler } from './adapters/websocket.ts'
import { serveWithoutUpgrade, wantsWebSocket } from './adapters/without-upgrade.ts'
import type { ServerHost } from './node/host.ts'
import { ServerNode } from './node/node.ts'
import type { RealtimeServerOptions } from './options.ts'
import type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session/session-handle.ts'
import { settingsOf } from './settings.ts'

/** What the options must have: a codec, where the types are others than without one. */
export type ServerCodecWhereNeeded<In, Out> = [string | ArrayBuffer, Out] extends [In, Sendable]
  ? unknown
  : { readonly codec: ServerCodec<In, Out> }

/**
 * The server of `RealtimeClient` in session mode: sessions that outlive their connections, over WebSocket, SSE, long-poll and
 * poll at one URL. Several servers over one store (in one process or on many machines) are one: no request has to reach the
 * one that had the session before.
 */
export class RealtimeServer<Who extends AnyPrincipal = Principal, Data = unknown, In = string | ArrayBuffer, Out = Sendable> {
  readonly #node: ServerNode
  readonly #http: HttpHandler
  readonly #webSocket: WebSocketHandler
  readonly #path: string
  readonly #after: ServerHost['after']
  readonly #unmounts = new Map<AttachableServer, () => void>()

  /** @throws TypeError for an option that is not what it may be; the message names it */
  constructor(...none: [string | ArrayBuffer, Out] extends [In, Sendable] ? [] : [options: never])
  constructor(options: RealtimeServerOptions<Who, Data, In, Out> & ServerCodecWhereNeeded<In, Out>)
  constructor(options: RealtimeServerOptions<Who, Data, In, Out> = {}) {
    // At run time there is only what JSON holds: the types are a promise of the application's.
    const given = options as unknown as RealtimeServerOptions
    const settings = settingsOf(given)
    const { host, topics, sessions, path } = settings
    const { onSession, onMessage, onEnd } = given
    this.#path = path
    this.#after = host.after
    this.#node = new ServerNode({ host, topics, sessions, settings: settings.node, handlers: { onSession, onMessage, onEnd } })
    const access = new AccessControl(this.#node, settings, new AttemptLedger(host))
    this.#http = new HttpHandler(access)
    this.#webSocket = new WebSocketHandler(access)
  }

  /**
   * Serves `path` of a server and leaves all other requests and upgrades to whoever listens for them, now or later. The path is
   * compared as RFC 3986 says: `/realtime/` and `/%72ealtime` are `/realtime`. Over HTTP/2 there are SSE, long-poll and poll;
   * WebSockets need HTTP/1.1, which `createSecureServer({ allowHTTP1: true })` speaks as well.
   * @param server of `node:http`, `node:https` or `node:http2`, listening or not yet; an application on it has it as `app.server`
   *   (Fastify), `app.getHttpServer()` (Nest), or as what `app.listen()` returned (Express, Koa)
   * @throws TypeError for everything else; the message says what to pass
   */
  attach(server: AttachableServer): void {
    checkAttachable(server)
    if (this.#unmounts.has(server)) return
    this.#webSocket.warm()
    const unmount = mount(
      server,
      {
        path: this.#path,
        request: (request, response) => this.handleRequest(request, response),
        upgrade: (request, socket, head) => this.handleUpgrade(request, socket, head),
      },
      this.#after,
    )
    this.#unmounts.set(server, unmount)
  }

  /**
   * Answers one request, whatever its path, over HTTP/1.1 or Node's HTTP/2 compatibility layer. A body that something in front
   * has read already (a body parser) is to be handed over, as it was.
   * @param body the text or the bytes; anything else counts only where nobody has read the request, which is read then
   */
  handleRequest(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    body?: unknown,
  ): void {
    // By their behaviour they are the same, as far as it is used here.
    this.#http.handle(request as IncomingMessage, response as ServerResponse, body)
  }

  /**
   * Answers one upgrade, whatever its path. Needs the package `ws`. One to another protocol than WebSocket (h2c) is only an offer:
   * it comes once more, as a request.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const server: unknown = Reflect.get(socket, 'server')
    if (server instanceof EventEmitter && !wantsWebSocket(request)) serveWithoutUpgrade(server, request, socket, head)
    else this.#webSocket.handle(request, socket, head)
  }

  /**
   * Sends to every session that is subscribed to the topic, on whatever node. Resolves with the message's offset when it is in
   * the log: from then on none of them misses it, unless the log forgets it before they have read it, which they are told.
   */
  publish(topic: string, data: Out): Promise<number> {
    return this.#node.publish(topic, data)
  }

  /** A session, on whatever node it is; `null` if there is none, or it has ended. */
  session(id: string): Promise<Session<Who, Data, Out> | null> {
    return this.#node.session(id) as unknown as Promise<Session<Who, Data, Out> | null>
  }

  /**
   * Sends all clients away, each with a time of its own after which to come back, so that they do not come back as one; waits
   * for the handlers that run, and stops. The sessions go on, here after a restart or on another node.
   * @param options.drainMs how long to wait for handlers, and over how long the clients are spread, in milliseconds. @defaultValue 5,000
   */
  async close({ drainMs = 5000 }: { readonly drainMs?: number } = {}): Promise<void> {
    if (!(drainMs >= 0 && drainMs < 2 ** 31))
      throw new TypeError(
        'RealtimeServer: close() takes `drainMs` as a number from 0 to 2,147,483,647: clients are told when to come back.',
      )
    await this.#node.close(drainMs)
    for (const unmount of this.#unmounts.values()) unmount()
    this.#unmounts.clear()
  }
}
