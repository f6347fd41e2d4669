import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { type CloseFrame, codes, subprotocol } from '../protocols/wire.ts'
import type { Verdict } from './answers.ts'
import type { Attachment } from './attachment.ts'
import { Places } from './batch.ts'
import type { Carrier } from './carrier.ts'
import { readHello } from './client-frames.ts'
import { type Address, type Doorman, isPrincipal } from './doorman.ts'
import { type FirstFrame, type Frame, HelloFrames } from './hello-frame.ts'
import { Ledger } from './ledger.ts'
import { answerAndDestroy, refuseAndDestroy } from './raw-answer.ts'
import { isThenable } from './thenable.ts'

/** How long a Close frame may take to come back. */
const closeTimeoutMs = 5000
const mostReasonBytes = 123

/** WebSockets, by the package `ws`, which is loaded when it is needed first. */
export class WebSocketDoor {
  readonly #doorman: Doorman
  readonly #hellos: HelloFrames
  #server: Promise<WebSocketServer> | null = null

  constructor(doorman: Doorman) {
    const { host, node } = doorman.settings
    this.#doorman = doorman
    this.#hellos = new HelloFrames(host, node.limits.bodyTimeoutMs)
  }

  /** Loads `ws`, so that the first client need not wait for it. */
  warm(): void {
    this.#load().catch((error) => this.#doorman.settings.host.report(error))
  }

  /** Answers an upgrade, and never throws. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { ledger, settings } = this.#doorman
    // It has no listener of anybody's yet, and one without ends the process.
    socket.on('error', ignore)
    const address = this.#doorman.addressOf(request)
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    const attempt = Ledger.attemptOf(address.query, 'attempt')
    // What the hello says is nobody's business.
    const named = offered.filter((name) => name !== '' && !name.startsWith('s.')).map((name) => name.slice(0, 64))
    const client = this.#doorman.clientOf(request)
    ledger.note(attempt, { sawRequest: true, sawUpgrade: true, offeredProtocols: named.slice(0, 16) }, client)
    if (offered.some((name) => name.startsWith('s.'))) ledger.broughtHello(attempt)
    if (!offered.includes(subprotocol)) {
      const close = { code: codes.protocolError, reason: `the subprotocol ${subprotocol} is not offered` }
      ledger.answered(attempt, close.code)
      // A page cannot read it; whoever looks at the network can.
      refuseAndDestroy(socket, close, settings.host.after)
      return
    }
    this.#load().then(
      (server) => {
        if (socket.destroyed) return
        server.handleUpgrade(request, socket, head, (webSocket) => {
          socket.off('error', ignore)
          this.#admit(webSocket, request, socket, { address, offered, attempt }).catch((error) => {
            settings.host.report(error)
            close(webSocket, { code: codes.internal, reason: 'internal error' })
          })
        })
      },
      (error) => {
        settings.host.report(error)
        answerAndDestroy(socket, { status: 501, title: 'Not Implemented' }, settings.host.after)
      },
    )
  }

  async #admit(
    webSocket: WebSocket,
    request: IncomingMessage,
    socket: Duplex,
    {
      address,
      offered,
      attempt,
    }: { readonly address: Address; readonly offered: readonly string[]; readonly attempt: string | null },
  ): Promise<void> {
    const { node, ledger, carriers } = this.#doorman
    webSocket.on('error', ignore)
    const refuse = (frame: CloseFrame) => {
      ledger.answered(attempt, frame.code)
      // Its Close frame has to be heard.
      webSocket.resume()
      close(webSocket, frame)
    }
    const judged = this.#doorman.judgeOrigin(request)
    // What comes meanwhile has no listener yet.
    if (isThenable(judged)) webSocket.pause()
    const origin = isThenable(judged) ? await judged : judged
    webSocket.resume()
    const refusal = this.#doorman.refusal(request, address, origin) ?? this.#doorman.addressRefusal(request, null)
    if (refusal) {
      refuse(refusal)
      return
    }
    const said = await this.#heard(webSocket, socket, offered)
    if (!said || 'code' in said) {
      if (said) refuse(said)
      return
    }
    const greeting = readHello(said.hello)
    if (!greeting) {
      refuse({ code: codes.protocolError, reason: 'no hello of steadfast.v1' })
      return
    }
    const principal = await this.#doorman.principalOf(request, greeting.auth)
    webSocket.resume()
    if (!isPrincipal(principal)) {
      refuse(principal)
      return
    }
    if (webSocket.readyState !== 1) return
    const leave = carriers.enter(greeting.session)
    if (!leave) {
      refuse({ code: codes.tooMany, reason: 'too many attachments', retryAfterMs: node.pauseMs() })
      return
    }
    webSocket.on('close', leave)
    const carrier = new WebSocketCarrier(webSocket, socket, (said) => ledger.answered(attempt, said))
    carrier.attachment = node.attach(greeting, principal, carrier)
    Reflect.set(webSocket, carrierOf, carrier)
    webSocket.on('message', received)
    webSocket.on('close', closed)
    for (const frame of said.rest()) received.call(webSocket, ...frame)
  }

  /** The hello, from the handshake or, where it is too long for a header, from the first frame. */
  async #heard(webSocket: WebSocket, socket: Duplex, offered: readonly string[]): Promise<FirstFrame | CloseFrame | null> {
    const token = offered.find((name) => name.startsWith('s.'))
    if (token !== undefined) {
      // In the same task, or what comes at once would find no listener.
      webSocket.pause()
      return { hello: Buffer.from(token.slice(2), 'base64url').toString(), rest: () => [] }
    }
    if (!this.#hellos.isFull) return this.#hellos.of(webSocket, socket)
    return { code: codes.tooMany, reason: 'too many have not said hello yet', retryAfterMs: this.#doorman.node.pauseMs() }
  }

  #load(): Promise<WebSocketServer> {
    const { maxBatchBytes } = this.#doorman.settings.node.limits
    this.#server ??= import('ws').then(
      ({ WebSocketServer }) =>
        new WebSocketServer({
          noServer: true,
          clientTracking: false,
          perMessageDeflate: false,
          handleProtocols: () => subprotocol,
          // What is a little too large is refused by us, with a code that says so.
          maxPayload: 2 * maxBatchBytes,
          ...{ closeTimeout: closeTimeoutMs },
        }),
      (error) => {
        this.#server = null
        throw new Error('RealtimeServer: WebSockets need the package `ws`, version 8. Install it: npm install ws', {
          cause: error,
        })
      },
    )
    return this.#server
  }
}

/** Where a WebSocket has its carrier: cheaper than a closure for each listener of each of them. */
const carrierOf = Symbol('carrier')

interface Carrying extends WebSocket {
  [carrierOf]?: WebSocketCarrier
}

function ignore(): void {}

function received(this: Carrying, ...[data, isBinary]: Frame): void {
  const attachment = this[carrierOf]?.attachment
  if (!Buffer.isBuffer(data)) return
  if (isBinary) attachment?.receiveBinary(data)
  else attachment?.receive(data.toString())
}

function closed(this: Carrying, code: number, reason: Buffer): void {
  this[carrierOf]?.attachment?.ended({ by: code === 1006 ? 'network' : 'client', code, reason: reason.toString() })
}

class WebSocketCarrier implements Carrier {
  readonly medium = 'websocket'
  attachment: Attachment | null = null
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  /** Told once, and not kept by those who stay. */
  #verdict: Verdict | null
  #isWaiting = false
  readonly #places = new Places()

  constructor(webSocket: WebSocket, socket: Duplex, verdict: Verdict) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#verdict = verdict
  }

  write(frame: string | Uint8Array): void {
    this.#judged('accepted')
    if (this.#webSocket.readyState === 1) for (const each of this.#places.framesFor(frame)) this.#webSocket.send(each)
  }

  beat(): void {
    this.write('p')
  }

  isDraining(): boolean {
    if (!this.#socket.writableNeedDrain) return true
    if (!this.#isWaiting) {
      this.#isWaiting = true
      this.#socket.once('drain', () => {
        this.#isWaiting = false
        this.attachment?.drained()
      })
    }
    return false
  }

  bytesHeard(): number {
    return this.#socket instanceof Socket ? this.#socket.bytesRead : 0
  }

  end(frame: CloseFrame = { code: 1000 }): void {
    this.#judged(frame.code)
    close(this.#webSocket, frame)
  }

  #judged(verdict: 'accepted' | number): void {
    this.#verdict?.(verdict)
    this.#verdict = null
  }
}

function close(webSocket: WebSocket, { code, reason = '', retryAfterMs }: CloseFrame): void {
  const said = retryAfterMs === undefined ? reason : JSON.stringify({ reason, retryAfterMs })
  webSocket.close(code, Buffer.byteLength(said) > mostReasonBytes ? '' : said)
}
