import { type MessageIterator, MessageQueue } from './message-iterator.ts'

/** What every `for await` over one client's messages has not read yet. */
export class MessageQueues<Message> {
  readonly #onHold: ((isHeld: boolean) => void) | null
  #queues: readonly MessageQueue<Message>[] = []
  /** Those of which too much is unread. */
  #full: readonly object[] = []

  /** @param onHold where the server can wait: called when too much is unread, and when all has been read */
  constructor(onHold: ((isHeld: boolean) => void) | null) {
    this.#onHold = onHold
  }

  /** @param isEnded no message will come */
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

  push(message: Message, bytes: number): void {
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
