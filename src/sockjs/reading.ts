import type { Call, Listener } from '../api/transport.ts'
import { Failure } from '../transports/failure.ts'
import { frameOf } from './frames.ts'
import { mismatch } from './info.ts'

/** Translates the frames of one session into the events of a transport. */
export class Reading {
  readonly #call: Call
  readonly #listener: Listener
  /** The round trip, if the transport has measured it. */
  roundTripMs: number | undefined
  isOpen = false
  /** The number of frames so far, without padding. */
  count = 0

  constructor(call: Call, listener: Listener) {
    this.#call = call
    this.#listener = listener
  }

  /**
   * Takes one frame.
   * @throws Failure if the frame ends the session, or is invalid
   */
  take(text: string): void {
    const frame = frameOf(text)
    const listener = this.#listener
    // A listener may have closed the client, after which no listener is called.
    if (this.#call.signal.aborted) return
    if (!frame) throw mismatch(`a frame begins with ${JSON.stringify(text.slice(0, 1))} and cannot be read`)
    if (frame.type !== 'heartbeat' || !frame.isPadding) this.count += 1
    switch (frame.type) {
      case 'open':
        // A second `o` means a new session: what the server had queued for the first is lost.
        if (this.isOpen)
          throw new Failure({ kind: 'closed', code: 1006, reason: 'the server has lost the session', wasClean: false })
        this.isOpen = true
        listener.opened(this.roundTripMs)
        break
      case 'heartbeat':
        listener.heard(true)
        break
      case 'messages':
        if (!this.isOpen) throw mismatch('its first frame is not `o`')
        for (const data of frame.texts) {
          if (this.#call.signal.aborted) return
          listener.received({ data })
        }
        break
      case 'close':
        throw new Failure({ kind: 'closed', code: frame.code, reason: frame.reason, wasClean: true })
      default:
        frame satisfies never
    }
  }
}
