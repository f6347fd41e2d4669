import { bytesOf } from '../util/bytes-of.ts'
import { type MessageIterator, MessageQueue } from './message-iterator.ts'

/** The queues of all `for await` loops over one client's messages. */
export class MessageQueues<Message> {
  readonly #onHold: ((isHeld: boolean) => void) | null
  #queues: readonly MessageQueue<Message>[] = []
  /** The queues that are full and have not been emptied since. */
  #full: readonly object[] = []

  /** @param onHold if the mode can pause: called with true when a queue is full, and with false when all are read */
  constructor(onHold: ((isHeld: boolean) => void) | null) {
    this.#onHold = onHold
  }

  /** @param isEnded the client is closed, so no message will come */
  iterate(isEnded: boolean): MessageIterator<Message> {
    const queue: MessageQueue<Message> = new MessageQueue(
      () => {
        this.#queues = this.#queues.filter((each) => each !== queue)
        this.#setFull(queue, false)
      },
      this.#onHold && ((isFull) => this.#setFull(queue, isFull)),
    )
    if (isEnded) queue.end(null)
    else this.#queues = [...this.#queues, queue]
    return queue
  }

  /** @param data the message's data as received: its size is computed only if a loop reads */
  push(message: Message, data: string | ArrayBuffer): void {
    const bytes = this.#queues.length && bytesOf(data)
    for (const queue of this.#queues) queue.push(message, bytes)
  }

  end(): void {
    for (const queue of this.#queues) queue.end(null)
  }

  #setFull(queue: object, isFull: boolean): void {
    const others = this.#full.filter((each) => each !== queue)
    const wasHeld = this.#full.length > 0
    this.#full = isFull ? [...others, queue] : others
    if (isFull || (wasHeld && !others.length)) this.#onHold?.(isFull)
  }
}
