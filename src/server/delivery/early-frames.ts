import type { TimeSlices } from '../util/time-slices.ts'
import { type ReceivingAttachment, receiveFrame } from './receive.ts'

/** After this many frames in a row the loop yields to the event loop, if its time slice is over. */
const checkSliceEvery = 16

/** The attachment over which the frames arrived. */
export interface OpenAttachment extends ReceivingAttachment {
  readonly isOpen: boolean
}

/** Frames that arrived before their attachment was open, or behind such frames: received in order once it is. */
export class EarlyFrames {
  readonly #frames: (string | Uint8Array)[] = []
  readonly #maxLength: number
  /** The length of the queued frames. */
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** Adds a frame; returns whether the queue is still within the limit. */
  add(frame: string | Uint8Array): boolean {
    this.#frames.push(frame)
    this.#length += frame.length
    return this.#length <= this.#maxLength
  }

  /** Passes all frames to an open attachment, including those that arrive meanwhile; calls `done` in the task of the last. */
  async pass(attachment: OpenAttachment, slices: TimeSlices, done: () => void): Promise<void> {
    const frames = this.#frames
    for (let index = 0; index < frames.length && attachment.isOpen; index += 1) {
      const frame = frames[index] ?? ''
      this.#length -= frame.length
      receiveFrame(attachment, frame)
      if (index % checkSliceEvery === checkSliceEvery - 1 && slices.isOver()) await slices.next()
    }
    done()
  }
}
