import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { type Incoming, maxTaken, type Source } from '../session/record.ts'
import type { SessionRecord } from '../store/ports.ts'

/** The messages that arrive over one attachment: a missing number ends the attachment. */
export class MessageSource implements Source {
  readonly isWithdrawn = false
  readonly #end: (close: CloseFrame) => void
  /** Whether the client was asked to send again: until it does, messages out of order are those that it sent before. */
  #isAwaiting = false

  constructor(end: (close: CloseFrame) => void) {
    this.#end = end
  }

  sendAgain(): void {
    this.#isAwaiting = true
  }

  outOfOrder({ n }: Incoming, record: SessionRecord): void {
    if (this.#isAwaiting || n <= maxTaken(record) + 1) return
    this.#end({ code: codes.protocolError, reason: 'a message is missing' })
  }

  inOrder(): void {
    this.#isAwaiting = false
  }
}
