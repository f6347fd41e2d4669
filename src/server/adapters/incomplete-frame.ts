import type { Duplex } from 'node:stream'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Principal } from '../session/session-handle.ts'
import type { AccessControl } from './access-control.ts'
import type { Share } from './byte-budget.ts'
import { minBytesPerMs } from './request-body.ts'

/** So many bytes of a frame are not counted, in bytes: any socket buffers as much. */
const uncountedBytes = 131_072
/** The header of a client's control frame, with its mask (RFC 6455, section 5.2). */
const controlHeaderBytes = 6

/**
 * The frame of a WebSocket that has not arrived completely, whose bytes `ws` keeps. It is bounded like the body of a request: by the
 * same budget, and by the same times.
 */
export class IncompleteFrame {
  readonly #access: AccessControl
  readonly #client: string | undefined
  readonly #principal: Principal
  #bytes = 0
  #beganAt = 0
  #latestAt = 0
  #share: Share | null = null

  constructor(access: AccessControl, client: string | undefined, principal: Principal) {
    this.#access = access
    this.#client = client
    this.#principal = principal
  }

  /** Bytes arrived, perhaps of a frame; returns why the frame is refused, if it is. */
  arrived(bytes: number): CloseFrame | null {
    this.#bytes += bytes
    if (this.#bytes <= uncountedBytes) return null
    const { node, settings, bodies } = this.#access
    const now = node.elapsedMs()
    if (!this.#share) this.#beganAt = this.#latestAt = now
    const share = this.#share ?? bodies.share(this.#access.namesOf(this.#client, this.#principal))
    this.#share = share
    const { bodyTimeoutMs } = settings.node.limits
    const isSlow = now - this.#beganAt > bodyTimeoutMs + this.#bytes / minBytesPerMs
    if (isSlow || now - this.#latestAt > bodyTimeoutMs) return { code: codes.silent, reason: 'the frame came too slowly' }
    this.#latestAt = now
    if (share.take(bytes)) return null
    return { code: codes.tooMany, reason: 'too many long frames at once', retryAfterMs: node.pauseMs() }
  }

  /** A control frame has arrived, between the fragments of a message or alone; it is not part of one. */
  controlled(payloadBytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - payloadBytes - controlHeaderBytes)
  }

  /** The frame is complete, or the WebSocket has closed. */
  release(): void {
    this.#bytes = 0
    this.#share?.release()
    this.#share = null
  }
}

/** Destroys a socket whose client sends more than a Close frame after it was refused: `ws` would keep an incomplete frame. */
export function expectNoMore(socket: Duplex): void {
  let bytes = 0
  socket.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
    if (bytes > uncountedBytes) socket.destroy()
  })
}
