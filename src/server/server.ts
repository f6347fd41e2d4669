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
import { Meters } from './metrics/meters.ts'
import type { ServerMetrics } from './metrics/server-metrics.ts'
import type { ServerHost } from './node/host.ts'
import { type ServerHealth, ServerNode } from './node/node.ts'
import type { PublishOptions } from './node/publish-options.ts'
import type { RealtimeServerOptions } from './options.ts'
import type { Member } from './presence/members.ts'
import type { AnyPrincipal, Principal, Sendable, ServerCodec, Session } from './session/session-handle.ts'
import { settingsOf } from './settings.ts'
import { mustBeOptions } from './util/option-checks.ts'
import { isThenable } from './util/thenable.ts'
import { tookTooLong, within } from './util/within.ts'

/** Requires the option `codec` where the message types differ from those without a codec. */
export type ServerCodecWhereNeeded<In, Out> = [string | ArrayBuffer, Out] extends [In, Sendable]
  ? unknown
  : { readonly codec: ServerCodec<In, Out> }

/**
 * The server of `RealtimeClient` in session mode: sessions that outlive their connections, over WebSocket, SSE, long-poll and
 * poll at one URL. Several servers that share a store (in one process or on many machines) act as one: a client's request may
 * reach any of them, whichever handled its session before.
 */
export class RealtimeServer<Who extends AnyPrincipal = Principal, Data = unknown, In = string | ArrayBuffer, Out = Sendable> {
  readonly #node: ServerNode
  readonly #http: HttpHandler
  readonly #webSocket: WebSocketHandler
  readonly #path: string
  readonly #host: ServerHost
  readonly #onClose: RealtimeServerOptions['onClose']
  #isClosing = false
  readonly #unmounts = new Map<AttachableServer, () => void>()

  /** @throws TypeError for an invalid option; the message names it */
  constructor(...none: [string | ArrayBuffer, Out] extends [In, Sendable] ? [] : [options: never])
  constructor(options: RealtimeServerOptions<Who, Data, In, Out> & ServerCodecWhereNeeded<In, Out>)
  constructor(options: RealtimeServerOptions<Who, Data, In, Out> = {}) {
    // At run time every principal and every data value is just JSON: the application vouches for its type parameters.
    const given = options as unknown as RealtimeServerOptions
    const settings = settingsOf(given)
    const { host, topics, sessions, path } = settings
    const { onSession, onMessage, onEnd, onAttach, onDetach, onRequest, onSubscribe, onPublish } = given
    this.#path = path
    this.#host = host
    this.#onClose = given.onClose
    const meters = new Meters()
    this.#node = new ServerNode({
      meters,
      host,
      topics,
      sessions,
      settings: settings.node,
      handlers: { onSession, onMessage, onEnd, onAttach, onDetach, onRequest, onSubscribe, onPublish },
    })
    const access = new AccessControl(this.#node, settings, new AttemptLedger(host, (...answer) => meters.answered(...answer)))
    this.#http = new HttpHandler(access)
    this.#webSocket = new WebSocketHandler(access)
  }

  /**
   * Serves `path` of a server and leaves all other requests and upgrades to the server's other listeners, whether added before or after.
   * Paths are compared as in RFC 3986: `/realtime/` and `/%72ealtime` equal `/realtime`. HTTP/2 carries SSE, long-poll and poll;
   * WebSockets need HTTP/1.1, which `createSecureServer({ allowHTTP1: true })` serves as well.
   * @param server a server of `node:http`, `node:https` or `node:http2`, listening or not; frameworks expose it as `app.server`
   *   (Fastify), `app.getHttpServer()` (Nest), or as the result of `app.listen()` (Express, Koa)
   * @throws TypeError for any other value; the message says what to pass
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
      this.#host,
    )
    this.#unmounts.set(server, unmount)
  }

  /**
   * Answers one request, whatever its path, over HTTP/1.1 or Node's HTTP/2 compatibility layer. If a body parser has already read
   * the body, pass the body unparsed.
   * @param body the text or the bytes; the server ignores any other value while the request is unread, and reads the body itself
   */
  handleRequest(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    body?: unknown,
  ): void {
    // The HTTP/1.1 and HTTP/2 compatibility classes behave alike, as far as they are used here.
    this.#http.handle(request as IncomingMessage, response as ServerResponse, body)
  }

  /**
   * Answers one upgrade, whatever its path. Needs the package `ws`. An upgrade to a protocol other than WebSocket (h2c) is only an offer:
   * the server emits it again, as an ordinary request.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const server: unknown = Reflect.get(socket, 'server')
    if (server instanceof EventEmitter && !wantsWebSocket(request)) serveWithoutUpgrade(server, request, socket, head)
    else this.#webSocket.handle(request, socket, head)
  }

  /**
   * Sends a message to every session subscribed to the topic, on any node. Resolves with its offset once the log holds it: no
   * subscriber misses it then, unless the log evicts it first, which the subscriber's client sees as a gap.
   * @param options.key makes the call idempotent: a message with the same key in the last two minutes is not published again, and
   * the call resolves with its offset. A call that rejected since the store did not answer can be retried with its key.
   * @throws TypeError or RangeError, as a rejection, for an invalid topic or key, or a message above `limits.maxMessageBytes`
   */
  publish(topic: string, data: Out, options: PublishOptions = {}): Promise<number> {
    return this.#node.publish(topic, data, options)
  }

  /**
   * Lists the members of a topic: the sessions on any node that are subscribed to it and have a client, each with what the option
   * `presence` returned. To follow joins and leaves, subscribe to `presence:<topic>` first, then ask for the list.
   */
  presence<Info = unknown>(topic: string): Promise<readonly Member<Info>[]> {
    return this.#node.presence(topic) as Promise<readonly Member<Info>[]>
  }

  /** Resolves with the handles of all sessions of a principal that have not ended, on any node. */
  sessionsOf(principalId: string): Promise<readonly Session<Who, Data, Out>[]> {
    return this.#node.ofPrincipal.of(principalId) as unknown as Promise<readonly Session<Who, Data, Out>[]>
  }

  /** Sends a message to all sessions of a principal, on any node; resolves with their number. */
  sendTo(principalId: string, data: Out): Promise<number> {
    return this.#node.ofPrincipal.send(principalId, data)
  }

  /**
   * Ends all sessions of a principal for good, as `session.close()` does for one; resolves with their number. The clients can
   * open new sessions unless `authenticate` refuses them.
   * @throws TypeError for a code or a reason with which a session cannot be ended
   */
  end(principalId: string, code?: number, reason?: string): Promise<number> {
    return this.#node.ofPrincipal.end(principalId, code, reason)
  }

  /**
   * Whether the server accepts clients, for a health check of a load balancer. `onError` is called once when the store begins
   * to fail, and again only after it has worked for 30 s. Until the store answers, new clients are refused with 4503 and a retry
   * delay, and attached ones wait. While it fails in some calls only, the status is `'ok'`.
   */
  health(): ServerHealth {
    return this.#node.health
  }

  /**
   * Returns the server's current state and its counts since it was created, as plain numbers. `metricFamilies()` converts them
   * for a metrics library, `prometheusText()` into a page for Prometheus.
   */
  metrics(): ServerMetrics {
    return this.#node.metrics()
  }

  /** The handle of a session, on whichever node it is attached; `null` if it does not exist or has ended. */
  session(id: string): Promise<Session<Who, Data, Out> | null> {
    return this.#node.session(id) as unknown as Promise<Session<Who, Data, Out> | null>
  }

  /**
   * Ends all attachments, giving each client its own time to reconnect so that they do not return all at once; waits for running
   * handlers, and stops. The sessions continue, here after a restart or on another node.
   * @param options.drainMs how long to wait for handlers, and to spread the clients' reconnects over, in milliseconds.
   * @defaultValue 5,000
   */
  async close(options: { readonly drainMs?: number } = {}): Promise<void> {
    mustBeOptions('close', options, ['drainMs'])
    const { drainMs = 5000 } = options
    if (!(drainMs >= 0 && drainMs < 2 ** 31))
      throw new TypeError(
        'RealtimeServer: close() takes `drainMs` as a number from 0 to 2,147,483,647: it is the time within which clients come back.',
      )
    const begunAt = this.#host.elapsedMs()
    await this.#beforeClose(drainMs)
    await this.#node.close(Math.max(0, drainMs - (this.#host.elapsedMs() - begunAt)))
    for (const unmount of this.#unmounts.values()) unmount()
    this.#unmounts.clear()
  }

  async #beforeClose(drainMs: number): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#node.beginClosing()
    try {
      const closing = this.#onClose?.()
      if (isThenable(closing)) await within(Promise.resolve(closing), drainMs, this.#host, tookTooLong('onClose()'))
    } catch (error) {
      this.#host.report(error)
    }
  }
}
