import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { type CloseFrame, codes, subprotocol } from '../../wire/steadfast-v1.ts'
import { readHello } from '../delivery/parse-frames.ts'
import { endAfterError } from '../util/end-after-error.ts'
import { isThenable } from '../util/thenable.ts'
import type { AccessControl, Address } from './access-control.ts'
import { AttemptLedger } from './attempt-ledger.ts'
import { type FirstFrame, type Frame, HelloFrames } from './hello-frame.ts'
import { expectNoMore } from './incomplete-frame.ts'
import { answerAndDestroy, refuseAndDestroy } from './raw-response.ts'
import { close, WebSocketCarrier } from './websocket-carrier.ts'

/** How long a client may take to return a Close frame, in milliseconds. */
const closeTimeoutMs = 5000

/** Clients write a message in one piece, or in pieces of a buffer's size: `ws` keeps a hundred bytes for each. */
const maxFragments = 4096

/** Options of `ws` that its types lack. */
const untypedOptions = { closeTimeout: closeTimeoutMs, maxFragments }

/** Handles WebSockets with the package `ws`, which is loaded when it is first needed. */
export class WebSocketHandler {
  readonly #access: AccessControl
  #server: WebSocketServer | null = null
  #loading: Promise<WebSocketServer> | null = null
  /** The sockets passed to `handle()`: a second call for the same upgrade is reported and ignored. */
  readonly #handled = new WeakSet<Duplex>()
  readonly #hellos: HelloFrames

  constructor(access: AccessControl) {
    const { host, node } = access.settings
    this.#access = access
    this.#hellos = new HelloFrames(host, node.limits.bodyTimeoutMs, () => access.node.pauseMs())
  }

  /** Loads `ws`, so that the first client need not wait for it. */
  warm(): void {
    this.#load().catch((error) => this.#access.settings.host.report(error))
  }

  /** Answers an upgrade, and never throws. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { ledger, settings } = this.#access
    if (this.#handled.has(socket)) {
      settings.host.report(new Error('RealtimeServer: the same upgrade was handed to handleUpgrade() twice.'))
      return
    }
    this.#handled.add(socket)
    // The socket has no `error` listener yet, and an error without one ends the process.
    socket.on('error', ignore)
    const address = this.#access.addressOf(request)
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    const attempt = AttemptLedger.attemptOf(address.query, 'attempt')
    // The ledger must not contain a hello.
    const named = offered.filter((name) => name !== '' && !name.startsWith('s.')).map((name) => name.slice(0, 64))
    const client = this.#access.clientOf(request)
    ledger.note(attempt, { sawRequest: true, sawUpgrade: true, offeredProtocols: named.slice(0, 16) }, client)
    if (offered.some((name) => name.startsWith('s.'))) ledger.broughtHello(attempt)
    if (!offered.includes(subprotocol)) {
      const close = { code: codes.protocolError, reason: `the subprotocol ${subprotocol} is not offered` }
      ledger.answered(attempt, close.code)
      // A page cannot read this answer, but the browser's network log shows it.
      refuseAndDestroy(socket, close, settings.host.after)
      return
    }
    const upgrade = { request, socket, head, address, client, offered, attempt }
    // In the same task, if possible: no other listener may use the socket in between.
    if (this.#server) {
      this.#shakeHands(this.#server, upgrade)
      return
    }
    this.#load()
      .then(
        (server) => this.#shakeHands(server, upgrade),
        (error) => {
          settings.host.report(error)
          answerAndDestroy(socket, { status: 501, title: 'Not Implemented' }, settings.host.after)
        },
      )
      // Even the refusal has failed.
      .catch((error) => endAfterError(error, settings.host, () => socket.destroy()))
  }

  /** Never throws, though `ws` may: for a socket that another listener uses, and for headers that Node has truncated. */
  #shakeHands(server: WebSocketServer, upgrade: Upgrade): void {
    const { request, socket, head } = upgrade
    const { host } = this.#access.settings
    if (socket.destroyed) return
    try {
      server.handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('error', ignore)
        this.#admit(webSocket, upgrade).catch((error) => {
          host.report(error)
          close(webSocket, { code: codes.internal, reason: 'internal error' })
        })
      })
    } catch (error) {
      host.report(error)
      // Another server's WebSocket uses the socket: leave it alone.
      if (isTaken(socket)) return
      refuseAndDestroy(socket, { code: codes.protocolError, reason: 'the handshake failed' }, host.after)
    }
  }

  async #admit(webSocket: WebSocket, { request, socket, address, client, offered, attempt }: Upgrade): Promise<void> {
    const { node, ledger, carriers } = this.#access
    webSocket.on('error', ignore)
    const refuse = (frame: CloseFrame) => {
      ledger.answered(attempt, frame.code, frame.reason)
      // The client's Close frame has to be received.
      webSocket.resume()
      expectNoMore(socket)
      close(webSocket, frame)
    }
    const judged = this.#access.checkOrigin(request)
    // Frames that arrive in the meantime have no listener yet.
    if (isThenable(judged)) webSocket.pause()
    const origin = isThenable(judged) ? await judged : judged
    webSocket.resume()
    const refusal = this.#access.refusal(request, address, origin) ?? this.#access.addressRefusal(client, null)
    if (refusal) {
      refuse(refusal)
      return
    }
    const said = await this.#heard(webSocket, socket, offered)
    if (!said || 'code' in said) {
      if (said) refuse(said)
      return
    }
    const hello = readHello(said.hello)
    if (!hello) {
      refuse({ code: codes.protocolError, reason: 'no hello of steadfast.v1' })
      return
    }
    ledger.broughtHello(attempt)
    const untimely = node.admit(hello)
    if (untimely) {
      refuse(untimely)
      return
    }
    const entry = await this.#access.letIn(request, hello, said.hello.length)
    webSocket.resume()
    if ('code' in entry) {
      refuse(entry)
      return
    }
    const { principal } = entry
    if (webSocket.readyState !== 1) return
    if (!carriers.enter(hello.session)) {
      refuse({ code: codes.tooMany, reason: 'too many attachments', retryAfterMs: node.pauseMs() })
      return
    }
    const sender = { access: this.#access, client, principal, session: hello.session }
    const carrier = new WebSocketCarrier(webSocket, socket, sender, (...said) => ledger.answered(attempt, ...said))
    Reflect.set(webSocket, carrierOf, carrier)
    Reflect.set(socket, carrierOf, carrier)
    webSocket.on('close', closed)
    carrier.attachment = node.attach({ ...entry, address: client }, carrier, this.#access.reauthentication(request, principal))
    socket.on('data', arrived)
    webSocket.on('message', received)
    for (const frame of said.rest()) received.call(webSocket, ...frame)
  }

  /** The hello, from the handshake or, if it is too long for a header, from the first frame. */
  async #heard(webSocket: WebSocket, socket: Duplex, offered: readonly string[]): Promise<FirstFrame | CloseFrame | null> {
    const token = offered.find((name) => name.startsWith('s.'))
    if (token !== undefined) {
      // In the same task: frames that arrive at once would have no listener.
      webSocket.pause()
      return { hello: Buffer.from(token.slice(2), 'base64url').toString(), rest: () => [] }
    }
    return this.#hellos.of(webSocket, socket)
  }

  #load(): Promise<WebSocketServer> {
    const { maxBatchBytes } = this.#access.settings.node.limits
    this.#loading ??= import('ws').then(
      ({ WebSocketServer }) => {
        this.#server = new WebSocketServer({
          noServer: true,
          clientTracking: false,
          perMessageDeflate: false,
          handleProtocols: () => subprotocol,
          // A frame slightly above the limit is refused by this server, with a code that names the reason.
          maxPayload: 2 * maxBatchBytes,
          ...untypedOptions,
        })
        return this.#server
      },
      (error) => {
        this.#loading = null
        throw new Error('RealtimeServer: WebSockets need the package `ws`, version 8. Install it: npm install ws', {
          cause: error,
        })
      },
    )
    return this.#loading
  }
}

/** An upgrade, and the facts known before `ws` handles it. */
interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly address: Address
  readonly client: string | undefined
  readonly offered: readonly string[]
  readonly attempt: string | null
}

/** `ws`, of any copy or version, stores its WebSocket on the socket under a symbol of this name. */
function isTaken(socket: Duplex): boolean {
  return Object.getOwnPropertySymbols(socket).some(({ description }) => description === 'websocket')
}

/** The property of a WebSocket that holds its carrier: cheaper than a closure for each listener of each WebSocket. */
const carrierOf = Symbol('carrier')

interface Carrying extends WebSocket {
  [carrierOf]?: WebSocketCarrier
}

interface CarryingSocket extends Duplex {
  [carrierOf]?: WebSocketCarrier
}

function ignore(): void {}

function arrived(this: CarryingSocket, chunk: Uint8Array): void {
  this[carrierOf]?.arrived(chunk.length)
}

function received(this: Carrying, ...[data, isBinary]: Frame): void {
  this[carrierOf]?.completed()
  const attachment = this[carrierOf]?.attachment
  if (!Buffer.isBuffer(data)) return
  attachment?.receive(isBinary ? data : data.toString())
}

function closed(this: Carrying, code: number, reason: Buffer): void {
  this[carrierOf]?.closed()
  this[carrierOf]?.attachment?.ended({ by: code === 1006 ? 'network' : 'client', code, reason: reason.toString() })
}
