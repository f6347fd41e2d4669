import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Principal } from '../session/session-handle.ts'
import type { AccessControl } from './access-control.ts'
import type { Share } from './byte-budget.ts'
import { minBytesPerMs } from './request-body.ts'

/** So many bytes of a frame are not counted, in bytes, and so many before it is watched: any socket buffers as much together. */
const uncountedBytes = 65_536
export const unwatchedBytes = 65_536
/** The header of a client's control frame, with its mask (RFC 6455, section 5.2). */
const controlHeaderBytes = 6

/** The client of a WebSocket: its address, its principal and its session. */
export interface FrameSender {
  readonly access: AccessControl
  readonly client: string | undefined
  readonly principal: Principal
  readonly session: string
}

/**
 * The frame of a WebSocket that has not arrived completely, whose bytes `ws` keeps. It is bounded like the body of a request: by the
 * same budget, and by the same times.
 */
export class IncompleteFrame {
  readonly #webSocket: EventEmitter
  readonly #sender: FrameSender
  #bytes = 0
  #beganAt = 0
  #latestAt = 0
  #share: Share | null = null

  constructor(webSocket: EventEmitter, sender: FrameSender) {
    this.#webSocket = webSocket
    this.#sender = sender
    webSocket.on('ping', this.#controlled)
    webSocket.on('pong', this.#controlled)
  }

  /** Bytes arrived, perhaps of the frame; returns why the frame is refused, if it is. */
  arrived(bytes: number): CloseFrame | null {
    this.#bytes += bytes
    if (this.#bytes <= uncountedBytes) return null
    const { access, client, principal } = this.#sender
    const { node, settings, bodies } = access
    const now = node.elapsedMs()
    if (!this.#share) this.#beganAt = this.#latestAt = now
    const share = this.#share ?? bodies.share(access.namesOf(client, principal))
    this.#share = share
    const { bodyTimeoutMs } = settings.node.limits
    const isSlow = now - this.#beganAt > bodyTimeoutMs + this.#bytes / minBytesPerMs
    if (isSlow || now - this.#latestAt > bodyTimeoutMs) return { code: codes.silent, reason: 'the frame came too slowly' }
    this.#latestAt = now
    if (share.take(bytes)) return null
    return { code: codes.tooMany, reason: 'too many long frames at once', retryAfterMs: node.pauseMs() }
  }

  /** The frame is complete, or the WebSocket has closed. */
  release(): void {
    this.#webSocket.off('ping', this.#controlled)
    this.#webSocket.off('pong', this.#controlled)
    this.#share?.release()
  }

  /** A control frame has arrived, between the fragments of a message or alone: it is not part of one. */
  readonly #controlled = ({ length }: Uint8Array): void => {
    this.#bytes = Math.max(0, this.#bytes - length - controlHeaderBytes)
  }
}

/** Destroys a socket whose client sends more than a Close frame after it was refused: `ws` would keep an incomplete frame. */
export function expectNoMore(socket: Duplex): void {
  let bytes = 0
  socket.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
    if (bytes > unwatchedBytes + uncountedBytes) socket.destroy()
  })
}
