import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type CloseFrame, codes, maxHelloBytes } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'

/** WebSockets that may wait for their hello at one time: nobody knows yet who they are. */
const mostWaiting = 1000
/** What the frames around a hello may take. */
const framingBytes = 1024

const helloTooLarge: CloseFrame = { code: codes.tooLarge, reason: `the hello has more than ${maxHelloBytes} bytes` }

export type Frame = readonly [data: unknown, isBinary: boolean]

/** What a WebSocket said first, paused behind it. */
export interface FirstFrame {
  readonly hello: string
  /** Takes over what came behind the hello already. */
  rest(): readonly Frame[]
}

/** Waits for the hello of each WebSocket whose handshake brought none: for so long, for so many bytes, and of so many at a time. */
export class HelloFrames {
  readonly #host: ServerHost
  readonly #timeoutMs: number
  #waiting = 0

  constructor(host: ServerHost, timeoutMs: number) {
    this.#host = host
    this.#timeoutMs = timeoutMs
  }

  /** Whether no more may wait. */
  get isFull(): boolean {
    return this.#waiting >= mostWaiting
  }

  /** What it said first, why that is refused, or `null` if it went away. Never rejects. */
  of(webSocket: WebSocket, socket: Duplex): Promise<FirstFrame | CloseFrame | null> {
    this.#waiting += 1
    return new Promise((resolve) => {
      const early: Frame[] = []
      let bytes = 0
      const cancelLimit = this.#host.after(this.#timeoutMs, () => {
        settle({ code: codes.silent, reason: 'the hello came too slowly' })
      })
      const settle = (said: FirstFrame | CloseFrame | null) => {
        this.#waiting -= 1
        cancelLimit()
        webSocket.off('message', first)
        webSocket.off('close', gone)
        socket.off('data', count)
        resolve(said)
      }
      const keep = (...frame: Frame) => void early.push(frame)
      const rest = () => {
        webSocket.off('message', keep)
        return early
      }
      const first = (...[data, isBinary]: Frame) => {
        webSocket.pause()
        const hello = Buffer.isBuffer(data) && !isBinary ? data : Buffer.alloc(0)
        settle(hello.length > maxHelloBytes ? helloTooLarge : { hello: hello.toString(), rest })
        // Of what had been read already, more may come in spite of the pause.
        webSocket.on('message', keep)
      }
      const gone = () => settle(null)
      const count = (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxHelloBytes + framingBytes) settle(helloTooLarge)
      }
      webSocket.on('message', first)
      webSocket.on('close', gone)
      socket.on('data', count)
    })
  }
}
