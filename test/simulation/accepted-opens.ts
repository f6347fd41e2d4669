import { HeldAck } from '../../src/session/held-ack.ts'
import type { OpenFrame } from '../../src/wire/steadfast-v1.ts'

/**
 * Which `open` frames a client accepts. It ignores those with another epoch that answer an older dial, or a hello from before the last
 * acknowledgment (rule 4).
 */
export class AcceptedOpens {
  /** The session's epoch in the last `open` frame that was accepted. */
  epoch = ''
  #k = 0
  /** The highest number that is acknowledged, and the offset up to which stream 0 was read. */
  #acked = 0
  #read = 0
  readonly #heldAck = new HeldAck()

  /** A frame reached the client. */
  arrived(frame: string): void {
    if (frame[0] === 'o') this.#opened(JSON.parse(frame.slice(1)))
    else if (frame[0] === 'a') {
      const [n = 0, answeredAt = 0] = frame.slice(1).split('.').map(Number)
      this.#hold(n, answeredAt)
    } else this.read(Number(/^(?:C0\.|[su]\{"at":)(\d+)/.exec(frame)?.[1] ?? 0))
  }

  /** The client has read stream 0 up to this offset. */
  read(offset: number): void {
    this.#read = Math.max(this.#read, offset)
    this.#release()
  }

  #opened({ k, epoch, taken, ack, answeredAt = 0 }: OpenFrame): void {
    const isOfOtherEpoch = epoch !== this.epoch
    if (isOfOtherEpoch && (k < this.#k || taken < this.#acked)) return
    if (isOfOtherEpoch) this.#read = 0
    this.#k = k
    this.epoch = epoch
    this.#heldAck.drop()
    this.#hold(ack, answeredAt)
  }

  #hold(n: number, answeredAt: number): void {
    if (n <= this.#acked) return
    this.#heldAck.hold(n, answeredAt)
    this.#release()
  }

  #release(): void {
    this.#acked = Math.max(this.#acked, this.#heldAck.release(this.#read))
  }
}
