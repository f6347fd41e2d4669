import { Buffer } from 'node:buffer'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { CloseFrame } from '../../wire/steadfast-v1.ts'
import type { Attachment } from '../delivery/attachment.ts'
import type { Carrier } from '../delivery/carrier.ts'
import { BinaryPlaces } from '../delivery/frame-batch.ts'
import type { OnAnswered } from './http-carriers.ts'
import { type FrameSender, IncompleteFrame, unwatchedBytes } from './incomplete-frame.ts'

/** RFC 6455: a control frame has at most 125 bytes, and the code takes two. */
const maxReasonBytes = 123

/** A carrier over a WebSocket of `ws`. */
export class WebSocketCarrier implements Carrier {
  readonly medium = 'websocket'
  attachment: Attachment | null = null
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #sender: FrameSender
  /** The bytes that have arrived since the last message. */
  #bytes = 0
  /** The frame that is arriving, once it is long: few sockets ever have one, and an idle one shall cost little. */
  #incomplete: IncompleteFrame | null = null
  /** Called with the first frame or the refusal, then released. */
  #onAnswered: OnAnswered | null
  #isWaiting = false
  readonly #places = new BinaryPlaces()

  constructor(webSocket: WebSocket, socket: Duplex, sender: FrameSender, onAnswered: OnAnswered) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#sender = sender
    this.#onAnswered = onAnswered
  }

  /** Bytes arrived over the socket. */
  arrived(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= unwatchedBytes) return
    this.#incomplete ??= new IncompleteFrame(this.#webSocket, this.#sender)
    const refusal = this.#incomplete.arrived(bytes)
    // A client whose WebSocket is closing has nothing more to say.
    if (refusal && this.#webSocket.readyState !== 1) this.#socket.destroy()
    else if (refusal) this.attachment?.end(refusal)
  }

  /** A message is complete. */
  completed(): void {
    this.#bytes = 0
    this.#incomplete?.release()
    this.#incomplete = null
  }

  /** The WebSocket has closed. */
  closed(): void {
    this.completed()
    this.#sender.access.carriers.leave(this.#sender.session)
  }

  write(frame: string | Uint8Array): void {
    this.#judged('accepted')
    if (this.#webSocket.readyState === 1) for (const each of this.#places.framesFor(frame)) this.#webSocket.send(each)
  }

  heartbeat(): void {
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

  bytesReceived(): number {
    return this.#socket instanceof Socket ? this.#socket.bytesRead : 0
  }

  unwrittenBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  end(frame: CloseFrame = { code: 1000 }): void {
    this.#judged(frame.code, frame.reason)
    // A Close frame has no room for two codes and a reason.
    if (frame.application !== undefined && this.#webSocket.readyState === 1) this.#webSocket.send(`x${JSON.stringify(frame)}`)
    close(this.#webSocket, frame)
  }

  #judged(verdict: 'accepted' | number, reason?: string): void {
    this.#onAnswered?.(verdict, reason)
    this.#onAnswered = null
  }
}

/** Starts the closing handshake. A Close frame holds 123 bytes of text: a longer reason is left out. */
export function close(webSocket: WebSocket, { code, reason = '', retryAfterMs }: CloseFrame): void {
  const said = retryAfterMs === undefined ? reason : JSON.stringify({ reason, retryAfterMs })
  webSocket.close(code, Buffer.byteLength(said) > maxReasonBytes ? '' : said)
}
