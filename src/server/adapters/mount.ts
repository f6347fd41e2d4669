import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type Duplex, Stream } from 'node:stream'
import type { ServerHost } from '../node/host.ts'
import type { AttachableServer } from './attachable.ts'
import { answerClientError, type ClientError, targetOfError } from './client-error.ts'
import { intercept } from './intercept.ts'
import { answerAndDestroy } from './raw-response.ts'
import { pathOfOption, pathOfTarget } from './request-path.ts'
import { endUnclaimed, notFound } from './unclaimed-upgrade.ts'
import { ignoreErrors, serveWithoutUpgrade, wantsWebSocket } from './without-upgrade.ts'

/** The handlers that serve a path. */
export interface Mounted {
  readonly path: string
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

type MountHost = Pick<ServerHost, 'after' | 'report'>

/**
 * Serves one path of a server, and leaves everything else to the server's other listeners, present or future. Returns a function
 * that undoes it.
 *
 * It moves no listener: it checks every event of the server before its listeners run, whatever listeners are added, wrapped or
 * removed. So the order in which this and other listeners are added or removed does not matter.
 */
export function mount(server: AttachableServer, mounted: Mounted, host: MountHost): () => void {
  let switchboard = switchboards.get(server)
  if (!switchboard) {
    switchboard = new Switchboard(server, host)
    switchboards.set(server, switchboard)
  }
  return switchboard.add(mounted)
}

/** One for each server, shared by all mounts on it. */
const switchboards = new WeakMap<AttachableServer, Switchboard>()

interface Place {
  readonly path: string | null
  readonly mounted: Mounted
}

class Switchboard {
  readonly #server: AttachableServer
  readonly #host: MountHost
  /** The latest first. */
  readonly #places: Place[] = []
  /** Sockets whose last request was for a mounted path. */
  readonly #ours = new WeakSet<Duplex>()
  #restore: (() => void) | null = null

  constructor(server: AttachableServer, host: MountHost) {
    this.#server = server
    this.#host = host
  }

  add(mounted: Mounted): () => void {
    const place = { path: pathOfOption(mounted.path), mounted }
    this.#places.unshift(place)
    this.#restore ??= this.#install()
    return () => {
      const index = this.#places.indexOf(place)
      if (index >= 0) this.#places.splice(index, 1)
      if (this.#places.length > 0) return
      this.#restore?.()
      this.#restore = null
    }
  }

  #install(): () => void {
    const server = this.#server
    const restoreEmit = intercept(server, 'emit', (emit) => (type: unknown, ...values: unknown[]) => {
      if (this.#places.length === 0) return emit(type, ...values)
      return this.#handle(type, values) ?? emit(type, ...values)
    })
    // Where Node calls `shouldUpgradeCallback`, this prevents an upgrade that no listener would accept.
    const restoreShould = intercept(server, 'shouldUpgradeCallback', (should) => (request: unknown) => {
      const isOrdinary = this.#places.length > 0 && this.#isOrdinary(request as IncomingMessage)
      return !isOrdinary && should(request)
    })
    this.#keepUpgrades()
    const restoreRemovals = ['off', 'removeListener', 'removeAllListeners'].map((name) =>
      intercept(server, name, (remove) => (...values: unknown[]) => {
        const result = remove(...values)
        this.#keepUpgrades()
        return result
      }),
    )
    server.off('request', answerNobody)
    return () => {
      for (const restore of [restoreEmit, restoreShould, ...restoreRemovals]) restore()
      server.off('upgrade', keepUpgrades)
      // Without any listener a request would wait for ever.
      if (server.listenerCount('request') === 0 && server.listenerCount('stream') === 0) server.on('request', answerNobody)
    }
  }

  /** Node emits no upgrade without a listener: keeps one, even if an application removes all of its server's. */
  #keepUpgrades(): void {
    if (this.#places.length > 0 && !this.#server.listeners('upgrade').includes(keepUpgrades))
      this.#server.on('upgrade', keepUpgrades)
  }

  /** As `#emit()`, but never throws: Node calls it from its parser, where an error ends the process. */
  #handle(type: unknown, values: readonly unknown[]): true | null {
    try {
      return this.#emit(type, values)
    } catch (error) {
      this.#host.report(error)
      // What is left unanswered would wait for ever.
      for (const value of values) if (value instanceof Stream) (value as Duplex).destroy()
      return true
    }
  }

  /** Whether the event was for a mounted path; `null` leaves it to the other listeners. */
  #emit(type: unknown, values: readonly unknown[]): true | null {
    switch (type) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        return this.#request(type, ...(values as [IncomingMessage, ServerResponse]))
      case 'upgrade':
        return this.#upgrade(...(values as [IncomingMessage, Duplex, Buffer]))
      case 'stream':
        return this.#stream(...(values as [ServerHttp2Stream, IncomingHttpHeaders, number, string[] | undefined]))
      case 'clientError':
        return this.#clientError(...(values as [ClientError, Duplex]))
      default:
        return null
    }
  }

  #at(target: string | undefined): Mounted | null {
    if (target === undefined) return null
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const at = (named: string | null) => this.#places.find((place) => named !== null && place.path === named)?.mounted ?? null
    // Nearly all clients spell the path as it is configured.
    return at(path) ?? at(pathOfTarget(target))
  }

  #othersListen(type: string): boolean {
    return this.#server.listeners(type).some((listener) => listener !== keepUpgrades && listener !== answerNobody)
  }

  #request(type: 'request' | 'checkContinue' | 'checkExpectation', request: IncomingMessage, response: ServerResponse) {
    const mounted = this.#at(request.url)
    if (!mounted) {
      this.#ours.delete(request.socket)
      if (this.#othersListen(type)) return null
      answerWithoutBody(response, 404)
      return true
    }
    this.#ours.add(request.socket)
    if (type === 'checkExpectation') answerWithoutBody(response, 417)
    else {
      if (type === 'checkContinue') response.writeContinue()
      mounted.request(request, response)
    }
    return true
  }

  /** Handles an HTTP/2 stream. Requests for other paths are emitted again as `request` if the application listens for that. */
  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[] = []): true | null {
    const mounted = headers[':method'] === 'CONNECT' ? null : this.#at(headers[':path'])
    if (mounted) {
      const request = new Http2ServerRequest(stream, headers, {}, rawHeaders)
      const response = new Http2ServerResponse(stream)
      if (headers.expect === '100-continue') response.writeContinue()
      // The HTTP/2 compatibility classes behave like those of HTTP/1.1.
      mounted.request(request as unknown as IncomingMessage, response as unknown as ServerResponse)
      return true
    }
    if (this.#othersListen('stream')) return null
    stream.on('error', () => {})
    stream.respond({ ':status': 404 }, { endStream: true })
    return true
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): true | null {
    const mounted = this.#at(request.url)
    if (mounted && wantsWebSocket(request)) {
      mounted.upgrade(request, socket, head)
      return true
    }
    ignoreErrors(socket)
    if (!mounted && this.#othersListen('upgrade')) {
      endUnclaimed(socket, this.#host.after)
      return null
    }
    if (mounted || !wantsWebSocket(request)) serveWithoutUpgrade(this.#server, request, socket, head)
    else answerAndDestroy(socket, notFound, this.#host.after)
    return true
  }

  #isOrdinary(request: IncomingMessage): boolean {
    const mounted = this.#at(request.url)
    return !wantsWebSocket(request) && (mounted !== null || !this.#othersListen('upgrade'))
  }

  #clientError(error: ClientError, socket: Duplex): true | null {
    if (!this.#isOurs(error, socket)) return null
    answerClientError(error, socket, this.#host.after)
    return true
  }

  #isOurs(error: ClientError, socket: Duplex): boolean {
    // The error is in the body of a request that is being answered.
    const request: unknown = Reflect.get(Reflect.get(socket, '_httpMessage') ?? {}, 'req') ?? {}
    const isInBody = Reflect.get(Object(request), 'complete') === false
    const target = isInBody ? null : targetOfError(error)
    if (target !== null) return this.#at(target) !== null
    return this.#ours.has(socket) || !(this.#othersListen('request') || this.#othersListen('clientError'))
  }
}

function keepUpgrades(): void {}

function answerWithoutBody(response: ServerResponse, status: number): void {
  // Not chained: libraries replace `writeHead()` by functions that return nothing.
  response.writeHead(status, { 'Content-Length': 0 })
  response.end()
}

/** Answers a request if the server has no other listener. */
function answerNobody(this: AttachableServer, _request: unknown, response: ServerResponse): void {
  if (this.listenerCount('request') === 1) answerWithoutBody(response, 404)
}
