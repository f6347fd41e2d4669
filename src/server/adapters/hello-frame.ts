import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type CloseFrame, codes, maxHelloBytes } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'

/** How many WebSockets may wait for their hello at the same time: their clients are not authenticated yet. */
const maxWaiting = 1000
/** The overhead of the frames around a hello, in bytes. */
const framingBytes = 1024

/** How many fragments a hello may have: `ws` keeps a buffer for each, which takes a hundred bytes for a fragment of one. */
const maxFragments = 64

const helloTooLarge: CloseFrame = { code: codes.tooLarge, reason: `the hello has more than ${maxHelloBytes} bytes` }

export type Frame = readonly [data: unknown, isBinary: boolean]

/** The first frame of a WebSocket, which is paused after it. */
export interface FirstFrame {
  readonly hello: string
  /** Takes over the frames that arrived after the hello. */
  rest(): readonly Frame[]
}

/**
 * Waits for the hello of each WebSocket whose handshake carried none, with limits of time, bytes and number of WebSockets. Their
 * clients are unknown, so one number applies to all of them together; beyond it the oldest is refused. A steadfast client sends its
 * hello at once, so it is hardly ever the oldest.
 */
export class HelloFrames {
  readonly #host: ServerHost
  readonly #timeoutMs: number
  readonly #pauseMs: () => number
  readonly #waiting = new Set<(said: CloseFrame) => void>()

  /** @param pauseMs after how long a client that was refused may retry */
  constructor(host: ServerHost, timeoutMs: number, pauseMs: () => number) {
    this.#host = host
    this.#timeoutMs = timeoutMs
    this.#pauseMs = pauseMs
  }

  /** The WebSocket's first frame, the reason why it is refused, or `null` if the client disconnected. Never rejects. */
  of(webSocket: WebSocket, socket: Duplex): Promise<FirstFrame | CloseFrame | null> {
    const [oldest] = this.#waiting
    const reason = 'too many connections have not sent their hello yet'
    if (this.#waiting.size >= maxWaiting) oldest?.({ code: codes.tooMany, reason, retryAfterMs: this.#pauseMs() })
    return new Promise((resolve) => {
      const early: Frame[] = []
      let bytes = 0
      const cancelLimit = this.#host.after(this.#timeoutMs, () => {
        settle({ code: codes.silent, reason: 'the hello came too slowly' })
      })
      const settle = (said: FirstFrame | CloseFrame | null) => {
        this.#waiting.delete(settle)
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
        // `ws` may still emit frames from data that it had read before the pause.
        webSocket.on('message', keep)
      }
      const gone = () => settle(null)
      const count = (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxHelloBytes + framingBytes || fragmentsOf(webSocket) > maxFragments) settle(helloTooLarge)
      }
      this.#waiting.add(settle)
      webSocket.on('message', first)
      webSocket.on('close', gone)
      socket.on('data', count)
    })
  }
}

/** How many fragments of an incomplete message `ws` keeps, which it does not tell otherwise. */
function fragmentsOf(webSocket: WebSocket): number {
  const fragments: unknown = Reflect.get(Object(Reflect.get(webSocket, '_receiver')), '_fragments')
  return Array.isArray(fragments) ? fragments.length : 0
}
